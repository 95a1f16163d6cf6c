// Package cull deletes directories of logs that were sent. It makes a plan of
// what goes and why, which can be printed, and then executes the plan.
//
//	roots ──Find──> examine (N at a time) ──> Plan ──> Execute (N at a time)
//	                 mark old enough?                    lock the directory
//	                 everything sent?                    examine it again
//	                 deletable as a whole?               rename it out of the way
//	                                                     compare its logs with the mark again
//	                                                     delete it, .processed last
//
// The plan is made without locks, so that it delays nobody. Every directory is
// examined again under its lock by the same functions, so a dry run, which
// prints the plan, says what a run does. Tstat takes no locks: until the
// directory is renamed, Tstat could write to a log that it still holds open.
// So the logs are compared with the mark once more after the renaming, and a
// directory with more in it gets its name back. So does one from which nothing
// could be deleted.
//
// No root is locked: tstat_send holds that lock for its whole run, and the two
// programs are meant to work side by side.
//
// A run that dies half way leaves a directory .culled-NAME-TOKEN. The next run
// deletes that directory if its mark still holds for what is in it, or if it is
// empty.
package cull
