// Package cull deletes directories of logs that were sent. It makes a plan, which
// names the directories to delete and the reasons, and then prints or executes the
// plan.
//
//	roots ──Find──> examine (N at a time) ──> Plan ──> Execute (N at a time)
//	                 mark old enough?                    lock the directory
//	                 everything sent?                    examine it again
//	                 deletable as a whole?               rename it out of the way
//	                                                     compare its logs with the mark again
//	                                                     delete it, .processed last
//
// The plan is made without locks, so it does not delay other programs. Before a
// directory is deleted, the same functions examine it again under its lock. So a dry
// run, which prints the plan, shows what a run does.
//
// Tstat takes no locks, and may still write to a log that it holds open. So the logs
// are compared with the mark once more after the directory is renamed. A directory
// that has new rows gets its name back, and so does a directory from which nothing
// could be deleted.
//
// Package cull does not lock the roots: tstat_send holds that lock for its whole run,
// and both programs may run at the same time.
//
// A run that dies while it deletes leaves a directory .culled-NAME-TOKEN. The next run
// deletes that directory if it is empty, or if its mark still covers all its rows. On a
// full disk, which has no room for the other name, the logs of a directory are deleted
// under its own name, and then the directory is renamed. If such a run dies between the
// last log and the renaming, only the mark is left: a later run deletes the directory once
// the mark is old enough.
package cull
