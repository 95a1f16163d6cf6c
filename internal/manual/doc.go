// Package manual makes a program's man page and shell completions from the
// definition of its command line, so that they say what --help says.
//
// The files are committed: whoever packages or reads the source has them
// without running anything, and a change of a flag shows in them. A test of
// each command fails when they are out of date; make man writes them.
package manual

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
)

// files makes all files for a program, by path below packaging.
func files(dir string, app *kong.Application) (map[string][]byte, error) {
	p, err := describe(app)
	if err != nil {
		return nil, err
	}
	page := filepath.Join("man", p.Name+".1")
	// What no flag says, examples above all, is written by hand.
	if p.Rest, err = os.ReadFile(filepath.Join(dir, page+".end")); err != nil {
		return nil, err
	}
	all := make(map[string][]byte)
	for path, template := range map[string]string{
		page: "man",
		filepath.Join("completions", p.Name+".bash"): "bash",
		filepath.Join("completions", "_"+p.Name):     "zsh",
		filepath.Join("completions", p.Name+".fish"): "fish",
	} {
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, template, p); err != nil {
			return nil, fmt.Errorf("manual: %s: %w", path, err)
		}
		all[path] = b.Bytes()
	}
	return all, nil
}

// Write writes the files of a program below dir, the folder packaging.
func Write(dir string, app *kong.Application) error {
	all, err := files(dir, app)
	if err != nil {
		return err
	}
	for path, data := range all {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// Stale returns the paths below dir of the files that are not what Write would
// write.
func Stale(dir string, app *kong.Application) (stale []string, err error) {
	all, err := files(dir, app)
	if err != nil {
		return nil, err
	}
	for path, want := range all {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if !bytes.Equal(got, want) {
			stale = append(stale, path)
		}
	}
	return stale, nil
}
