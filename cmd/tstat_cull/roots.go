package main

import (
	"errors"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/config"
)

// configuredRoots returns the roots of tstat_send's configuration.
func configuredRoots(file string) ([]cli.Root, error) {
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
	roots, want := cli.ParseRoots(o.Value)
	if want != "" {
		return nil, cli.ConfigError{Err: o.Wrong(want)}
	}
	return roots, nil
}
