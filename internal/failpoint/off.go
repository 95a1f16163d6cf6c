//go:build !failpoints

// Package failpoint marks points in the code at which a test can kill the program. A
// signal from outside would rarely arrive at exactly such a point. Only a program built
// with the tag failpoints can be killed.
package failpoint

// Hit marks a point. It does nothing in this build.
func Hit(string) {}
