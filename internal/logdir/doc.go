// Package logdir handles Tstat's directories on disk: finding and sorting them, their
// locks, their logs, the state files .processed and .processing, and the changes since
// a state file was written. It does not parse rows.
//
// [Root.Find] walks a [Root] and returns an [Entry] for each directory. [Open] opens and
// locks an entry's directory and returns a [Dir]. All files are opened relative to open
// descriptors, and below the root no symbolic link is followed in any component of a
// path, except to see whether a link hides a directory of logs. So replacing a directory
// by a link has no effect.
//
//	Root ──Find──> []Entry ──Sort──> UpToDate? ──no──> Open ──> Dir
//	                                  │                       ├─ ReadProcessed, ReadProcessing
//	                                  yes: nothing to send    ├─ Logs, OpenLog, Resume
//	                                                          └─ WriteProcessing, WriteProcessed
//
// # Two files of one log
//
// log_x and log_x.gz are normally the same log: positions and fingerprints refer to the
// uncompressed bytes. If both files exist, [Dir.Logs] compares them, for both programs.
// If the content of one file begins with the content of the other (gzip or gunzip is
// running, or gzip -k kept a copy), the longer one is the log; if both are equal, the
// plain file is. The state of the log then also holds the Stat of the other file, so the
// files are not compared again until one of them changes. If the contents differ, the
// files are two logs, and the .gz has the name log_x.gz in the state and in message ids.
//
// # Marks that are not ours
//
// A regular file .processed that contains only the word "processed", perhaps with white
// space around it, was written by the Python tool or by a person. Such a directory is
// done. An empty file, or any other content that tstat_send did not write, is a damaged
// mark and counts as no mark: flows may be sent twice, but never lost. If .processed is
// not a regular file (a directory, a symbolic link, a FIFO), that is an error, and the
// directory that holds it is neither sent nor culled.
package logdir
