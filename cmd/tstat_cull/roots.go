package main

import (
	"errors"
	"strings"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/config"
)

// configError is an error of the configuration, as opposed to one of the command
// line.
type configError struct{ error }

// configuredRoots returns the roots of tstat_send's configuration.
func configuredRoots(file string) (roots []string, err error) {
	errNoRoot := errors.New("no root: give --directory, or --config with directory in its section [tstat_send]")
	if file == "" {
		return nil, errNoRoot
	}
	f, err := config.Load(file)
	if err != nil {
		return nil, configError{err}
	}
	o, ok := f.Option("directory")
	if !ok {
		return nil, errNoRoot
	}
	for item := range strings.SplitSeq(o.Value, ",") {
		_, path, err := cli.ParseRoot(strings.TrimSpace(item))
		if err != nil {
			return nil, configError{o.Want("[INSTANCE=]DIR, or several separated by commas")}
		}
		roots = append(roots, path)
	}
	if cli.CheckDisjoint(roots) != nil {
		return nil, configError{o.Want("roots of which none lies in another")}
	}
	return roots, nil
}
