// Package logdir is a Tstat directory on disk: finding it, its place in the
// order, its lock, its logs, the marks .processed and .processing, and what
// has changed since a mark was written. It knows nothing of rows, flows or
// brokers.
//
// A [Root] is walked by [Root.Find]; an [Entry] is a directory found there and
// [Open] locks it, which makes a [Dir]. Everything inside is reached relative
// to open descriptors, and no symbolic link is followed in any component below
// the root, so that a directory that is swapped for a link leads nowhere.
//
//	Root ──Find──> []Entry ──Sort──> UpToDate? ──no──> Open ──> Dir
//	                                  │                       ├─ ReadProcessed, ReadProcessing
//	                                  yes: nothing to send    ├─ Logs, OpenLog, Resume
//	                                                          └─ WriteProcessing, WriteProcessed
//
// # Two files of one log
//
// log_x and log_x.gz are the same log: positions and fingerprints are those of
// the uncompressed bytes. Where both stand, [Dir.Logs] compares them, for sender
// and culler alike. If one begins with the other (gzip or gunzip at work, or a
// copy that gzip -k kept), the longer one is the log, the plain one if both are the
// same. Its state holds the Stat of the file beside it, so that nothing is compared
// again until one of them changes. If they differ, each is a log for itself: the .gz
// has its own name, log_x.gz, in the state and in message ids.
//
// # Marks that are not ours
//
// A regular file .processed that holds the word "processed", with nothing but
// white space around it, was left by the Python tool or by a person: the whole
// directory is done. Any other content that is not ours, empty and zero bytes
// included, is a damaged mark and counts as no mark: resending is allowed,
// losing is not. Anything but a regular file in its place (a
// directory, a symbolic link, a FIFO) is an error that names it: such a
// directory is neither sent, since it could not be marked, nor culled, since
// nothing says that it was sent.
package logdir
