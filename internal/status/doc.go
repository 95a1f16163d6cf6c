// Package status reports the pending directories below the roots: the directories that
// are not confirmed to their end, with their age, unconfirmed bytes and cause. It only
// reads and takes no lock, so it never blocks a run.
package status
