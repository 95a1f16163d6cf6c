package main

import (
	"errors"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/config"
)

// configuredRoots returns the roots of tstat_send's configuration.
func configuredRoots(file string) (roots []string, err error) {
	errNoRoot := errors.New("no root: give --directory, or --config with directory in its section [tstat_send]")
	if file == "" {
		return nil, errNoRoot
	}
	f, err := config.Load(file)
	if err != nil {
		return nil, cli.ConfigError{Err: err}
	}
	o, ok := f.Option("directory")
	if !ok {
		return nil, errNoRoot
	}
	listed, want := cli.ParseRoots(o.Value)
	if want != "" {
		return nil, cli.ConfigError{Err: o.Wrong(want)}
	}
	return cli.Paths(listed), nil
}
