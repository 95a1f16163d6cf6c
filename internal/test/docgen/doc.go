// Package docgen makes a program's man page and shell completions from the
// definition of its command line, so that they say what --help says.
//
// The files are committed: whoever packages or reads the source has them
// without running anything, and a change of a flag shows in them. A test of
// each command fails when they are out of date; make man writes them.
package docgen

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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
			return nil, fmt.Errorf("docgen: %s: %w", path, err)
		}
		all[path] = b.Bytes()
	}
	return all, nil
}

var anew = flag.Bool("write-manual", false, "write the man page and the completions")

// Check is the test of a command: it wants the files of the program below dir,
// the folder packaging, to say what its --help says, or writes them anew.
func Check(t testing.TB, dir string, app *kong.Application) {
	t.Helper()
	all, err := files(dir, app)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range all {
		path = filepath.Join(dir, path)
		if *anew {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, want, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run make man", path)
		}
	}
}
