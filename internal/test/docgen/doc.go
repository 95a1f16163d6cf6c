// Package docgen makes a program's man page and shell completions from the definition of its
// command line, so that they agree with --help.
//
// The files are committed, so that packagers and readers of the source have them. make man
// writes them, and a test of each command fails when they are out of date.
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

// files returns the content of all files for a program, by path below packaging.
func files(dir string, app *kong.Application) (map[string][]byte, error) {
	p, err := describe(app)
	if err != nil {
		return nil, err
	}
	page := filepath.Join("man", p.Name+".1")
	// The rest of the page, such as the examples, is written by hand.
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

var write = flag.Bool("write-manual", false, "write the man page and the completions")

// Check is the test of a command. It fails t if the files of the program below dir, the
// directory packaging, are out of date. With the flag -write-manual it writes them instead.
func Check(t testing.TB, dir string, app *kong.Application) {
	t.Helper()
	all, err := files(dir, app)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range all {
		path = filepath.Join(dir, path)
		if *write {
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
