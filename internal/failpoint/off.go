//go:build !failpoints

// Package failpoint names the moments at which a test ends the program with
// SIGKILL: those that nothing outside the program can hit. Built with the tag
// failpoints, Hit kills; in any other build it is empty.
package failpoint

// Hit is one of the moments.
func Hit(string) {}
