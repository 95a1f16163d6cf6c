package atomicfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tstat-transport/internal/atomicfile"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openDir(t testing.TB) *os.File {
	t.Helper()
	dir, err := os.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

func write(t testing.TB, dir *os.File, text string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(dir, ".a.tmp", 0o640)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	return f
}

// expect fails t unless dir has exactly these files, each NAME=TEXT.
func expect(t testing.TB, dir *os.File, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir.Name())
	must(t, err)
	var got []string
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(dir.Name(), e.Name()))
		got = append(got, e.Name()+"="+string(text))
	}
	if !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// TestReplace: until Commit the name is the old file, then the new one. Discard after
// Commit does nothing.
func TestReplace(t *testing.T) {
	dir := openDir(t)
	f := write(t, dir, "old")
	must(t, f.Commit("a"))
	f = write(t, dir, "new")
	expect(t, dir, ".a.tmp=new", "a=old")
	must(t, f.Commit("a"))
	must(t, f.Discard())
	expect(t, dir, "a=new")
}

// TestDiscard removes the temporary file and leaves the old file.
func TestDiscard(t *testing.T) {
	dir := openDir(t)
	must(t, write(t, dir, "old").Commit("a"))
	must(t, write(t, dir, "half").Discard())
	expect(t, dir, "a=old")
}

// TestLeftover: Create replaces a temporary file that a crash has left, and does not
// follow a link.
func TestLeftover(t *testing.T) {
	dir := openDir(t)
	other := filepath.Join(t.TempDir(), "other")
	must(t, os.WriteFile(other, []byte("of somebody else"), 0o600))
	must(t, os.Symlink(other, filepath.Join(dir.Name(), ".a.tmp")))
	must(t, write(t, dir, "new").Commit("a"))
	expect(t, dir, "a=new")
	if text, err := os.ReadFile(other); err != nil || string(text) != "of somebody else" {
		t.Errorf("the link was followed: %q, %v", text, err)
	}
}

// TestReopen: a file that is reopened is overwritten and gets another name; a link is not
// followed.
func TestReopen(t *testing.T) {
	dir := openDir(t)
	must(t, write(t, dir, "old").Commit("a"))
	f, err := atomicfile.Reopen(dir, "a")
	must(t, err)
	_, err = f.WriteString("newer")
	must(t, err)
	must(t, f.Commit("b"))
	expect(t, dir, "b=newer")
	must(t, os.Symlink("b", filepath.Join(dir.Name(), "link")))
	if _, err := atomicfile.Reopen(dir, "link"); err == nil {
		t.Error("a link was followed")
	}
}

// TestFailedCommit: if the renaming fails, the temporary file is removed.
func TestFailedCommit(t *testing.T) {
	dir := openDir(t)
	must(t, os.MkdirAll(filepath.Join(dir.Name(), "a", "in it"), 0o700))
	err := write(t, dir, "new").Commit("a")
	if pathError, ok := errors.AsType[*fs.PathError](err); !ok || pathError.Path != filepath.Join(dir.Name(), "a") {
		t.Errorf("error %v, want one that names the file", err)
	}
	expect(t, dir, "a=")
}

func Example() {
	path, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(path)
	dir, _ := os.Open(path)
	defer dir.Close()

	f, err := atomicfile.Create(dir, ".report.tmp", 0o644)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(f, "all sent"); err != nil {
		panic(errors.Join(err, f.Discard()))
	}
	if err := f.Commit("report"); err != nil {
		panic(err)
	}
	text, _ := os.ReadFile(filepath.Join(path, "report"))
	fmt.Print(string(text))
	// Output: all sent
}
