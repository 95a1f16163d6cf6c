// Package cull prunes directories of logs that were sent: a plan of what goes
// and why, which can be printed, then its execution.
//
//	roots ──Find──> examine (N at a time) ──> Plan ──> Execute (N at a time)
//	                 mark old enough?                    lock the directory
//	                 nothing unsent?                     look again at all of it
//	                 no mount inside?                    rename it out of the way
//	                                                     look again for unsent rows
//	                                                     delete, .processed last
//
// The plan is made without locks, so that it is in nobody's way; it promises
// nothing. What is deleted was examined again under the directory's lock. Tstat
// takes no locks: it could write to a log that it still holds open until the
// directory has been renamed, so the logs are compared with the mark once more
// after that, and a directory with more in it gets its name back.
//
// No lock is taken on a root: tstat_send holds that for its whole run, and the
// two are to work side by side.
//
// A run that dies half way leaves a directory .culled-NAME-TOKEN. The next run
// deletes it if its mark still holds for what is in it, or if it is empty.
package cull
