package logdir

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tcp = "log_tcp_complete"
	udp = "log_udp_complete"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes files below a temporary directory and opens this as a root. files maps paths to
// contents. A path that ends in / is a directory.
func tree(t testing.TB, files map[string]string) *Root {
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

func openRoot(t testing.TB, path string) *Root {
	t.Helper()
	r, err := OpenRoot(path)
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// entry returns the Entry of the directory rel of a root.
func entry(r *Root, rel string) Entry { return Entry{Root: r, Rel: rel, Name: filepath.Base(rel)} }

func open(t testing.TB, e Entry) *Dir {
	t.Helper()
	d, err := Open(e)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// put writes a file of a directory.
func put(t *testing.T, d *Dir, name, content string) {
	t.Helper()
	must(t, os.WriteFile(d.Path()+"/"+name, []byte(content), 0o644))
}

// withBoth returns a directory with a plain log and a .gz of the same name.
func withBoth(t *testing.T, plain, compressed string) *Dir {
	t.Helper()
	return open(t, entry(tree(t, map[string]string{"x.out/" + tcp: plain, "x.out/" + tcp + ".gz": compressed}), "x.out"))
}

// markedDir makes a directory x.out of these files, marks it, and returns the state in the
// mark.
func markedDir(t *testing.T, files map[string]string) (*Dir, State) {
	t.Helper()
	inDir := map[string]string{}
	for name, content := range files {
		inDir["x.out/"+name] = content
	}
	d := open(t, entry(tree(t, inDir), "x.out"))
	return d, markConfirmed(t, d)
}

// confirmed returns the state of a directory in which every log is confirmed: to its end, or
// to the start of an incomplete last line.
func confirmed(t testing.TB, d *Dir) State {
	t.Helper()
	logs, err := d.Logs(t.Context())
	must(t, err)
	s := State{Version: "test", Logs: map[string]LogState{}}
	for _, l := range logs {
		f, st, err := d.OpenLog(l)
		must(t, err)
		b := readLog(t, f, l.Gzip)
		ls := LogState{End: int64(len(b)), Position: int64(bytes.LastIndexByte(b, '\n') + 1)}
		ls.SetFile(l, st)
		var p Fingerprinter
		_, _ = p.Write(b)
		ls.Fingerprint = p.At(ls.End)
		s.Logs[l.Name] = ls
		must(t, f.Close())
	}
	return s
}

// markConfirmed marks everything in a directory as confirmed and returns the state in the
// mark.
func markConfirmed(t testing.TB, d *Dir) State {
	t.Helper()
	s := confirmed(t, d)
	must(t, d.WriteProcessed(s))
	return s
}

// rows returns a log of n rows. The logs of two seeds differ from the first row on.
func rows(seed string, n int) string {
	var b strings.Builder
	b.WriteString("#15#c_ip:1 c_port:2\n")
	for i := range n {
		fmt.Fprintf(&b, "%s.%d %d\n", seed, i, i)
	}
	return b.String()
}

// packed returns the .gz of a text.
func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// readLog returns the uncompressed content of a log, as far as it can be read.
func readLog(t testing.TB, f *os.File, packed bool) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	must(t, err)
	if !packed {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if atEnd(err) {
		return nil
	}
	must(t, err)
	b, err = io.ReadAll(z)
	if err != nil && !atEnd(err) {
		t.Fatal(err)
	}
	return b
}

// asNobody calls f with the rights of the user nobody on files. A test that does not run as
// root calls f with its own rights. f must stay on its goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f() // the mode of the files excludes their owner too
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.Setfsgid(65534))
	must(t, unix.Setfsuid(65534))
	defer func() {
		must(t, unix.Setfsuid(0))
		must(t, unix.Setfsgid(0))
	}()
	f()
}

func fifo(t *testing.T, path string) {
	t.Helper()
	must(t, syscall.Mkfifo(path, 0o644))
}

// bothWays runs a test with openat2 and without it.
func bothWays(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for name, without := range map[string]bool{"openat2": false, "steps": true} {
		t.Run(name, func(t *testing.T) {
			noOpenat2 = without
			defer func() { noOpenat2 = false }()
			f(t)
		})
	}
}
