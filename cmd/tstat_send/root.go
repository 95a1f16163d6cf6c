package main

import "tstat-transport/internal/cli"

// root is a value of -d.
type root struct {
	instance, path string
}

// String returns [INSTANCE=]DIR.
func (r root) String() string {
	if r.instance == "" {
		return r.path
	}
	return r.instance + "=" + r.path
}

// UnmarshalText reads [INSTANCE=]DIR.
func (r *root) UnmarshalText(text []byte) (err error) {
	r.instance, r.path, err = cli.ParseRoot(string(text))
	return err
}
