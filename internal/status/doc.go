// Package status says what is pending below the roots: which directories are not
// confirmed to their end, since when, how much, and why. It reads only, and takes
// no lock, so it never stands in the way of a run.
package status
