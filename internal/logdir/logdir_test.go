package logdir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree makes files below a temporary directory: path to content, a path that
// ends in / is a directory. It returns the opened root.
func tree(t *testing.T, files map[string]string) *Root {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(full, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(content), 0o644))
	}
	return openRoot(t, root)
}

func openRoot(t *testing.T, path string) *Root {
	t.Helper()
	r, err := OpenRoot(path)
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// writeFiles makes a directory of these files.
func writeFiles(dir string, files map[string]string) error {
	err := os.MkdirAll(dir, 0o755)
	for name, content := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
		}
	}
	return err
}

// entry returns the Entry of the directory rel of a root.
func entry(r *Root, rel string) Entry { return Entry{Root: r, Rel: rel, Name: filepath.Base(rel)} }

func open(t *testing.T, e Entry) *Dir {
	t.Helper()
	d, err := Open(e)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// confirmed returns the state of a directory in which every log is confirmed: to its end, or
// to the start of an incomplete last line.
func confirmed(t *testing.T, d *Dir, states ...State) State {
	t.Helper()
	logs, err := d.Logs(t.Context(), states...)
	must(t, err)
	s := State{Version: "test", Logs: map[string]LogState{}}
	for _, l := range logs {
		f, st, err := d.OpenLog(l)
		must(t, err)
		ls := LogState{}
		ls.SetFile(l, st)
		b := uncompressed(t, f, l.Gzip)
		ls.End = int64(len(b))
		ls.Position = int64(strings.LastIndexByte(string(b), '\n') + 1)
		var p Fingerprinter
		_, _ = p.Write(b)
		ls.Fingerprint = p.At(ls.End)
		s.Logs[l.Name] = ls
		must(t, f.Close())
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
