package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// root is the value of -d.
type root struct {
	instance, path string
}

// String returns the root as it is given.
func (r root) String() string {
	if r.instance == "" {
		return r.path
	}
	return r.instance + "=" + r.path
}

// UnmarshalText reads [INSTANCE=]DIR. An = behind a slash belongs to DIR.
func (r *root) UnmarshalText(text []byte) error {
	before, after, found := strings.Cut(string(text), "=")
	if !found || strings.Contains(before, "/") {
		before, after = "", string(text)
	} else if before == "" {
		return fmt.Errorf("%q: no instance id stands before the =", text)
	}
	if after == "" {
		return fmt.Errorf("%q names no directory: is a variable in the command not set?", text)
	}
	r.instance, r.path = before, filepath.Clean(after)
	return nil
}
