//go:build !failpoints

// Package failpoint names moments at which a test can kill the program with SIGKILL,
// because a signal from outside would not hit them. Hit kills only in a program built
// with the tag failpoints.
package failpoint

// Hit marks a moment. It does nothing in this build.
func Hit(string) {}
