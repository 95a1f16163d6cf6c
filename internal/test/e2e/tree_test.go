package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// folder is a root whose messages go to files, and a neighbour that must stay
// as it is: for what has nothing to do with a broker.
type folder struct {
	t                       *testing.T
	root, out, config, next string
	neighbour               string // its listing
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	top := t.TempDir()
	f := &folder{t: t, root: top + "/tstat", out: top + "/out", config: top + "/config.ini", next: top + "/next"}
	for _, dir := range []string{f.root, f.out} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, f.config, []byte("[file]\npath = "+f.out+"\n"))
	write(t, f.next+"/2026_01_15_00_00.out/"+tcpLog, []byte(strings.Join(lines(t, loggen.TCP, 77, 5), "")))
	write(t, f.next+"/precious", []byte("precious"))
	f.neighbour = f.listNeighbour()
	return f
}

func (f *folder) listNeighbour() string {
	f.t.Helper()
	return listing(f.t, f.next) + string(readAll(f.t, f.next+"/precious"))
}

// log is a log of a few rows in a directory below the root; stream makes it
// unlike others. It returns how many rows it has.
func (f *folder) log(dir string, stream uint64) int {
	f.t.Helper()
	const rows = 3
	write(f.t, filepath.Join(f.root, dir, tcpLog), []byte(strings.Join(lines(f.t, loggen.TCP, stream, rows), "")))
	return rows
}

func (f *folder) args(args ...string) []string {
	return slices.Concat([]string{"-d", f.root, "-c", f.config, "-t", "file", "-T", "0", "-S", sensor}, args)
}

// send runs tstat_send, and checks that the neighbour is as it was.
func (f *folder) send(args ...string) result {
	f.t.Helper()
	p := start(f.t, "tstat_send", f.args(args...)...)
	r, memory := p.waitMeasured()
	if memory > memoryLimit {
		f.t.Errorf("%d MB of memory", memory>>20)
	}
	f.unharmed()
	return r
}

func (f *folder) cull(args ...string) result {
	f.t.Helper()
	r := run(f.t, "tstat_cull", slices.Concat([]string{"-d", f.root, "-t", "0"}, args)...)
	f.unharmed()
	return r
}

func (f *folder) unharmed() {
	f.t.Helper()
	if now := f.listNeighbour(); now != f.neighbour {
		f.t.Errorf("the neighbour was touched:\n%s\nnow\n%s", f.neighbour, now)
	}
}

func (f *folder) marked(dir string) bool { return exists(filepath.Join(f.root, dir, ".processed")) }

// TestOddStateFiles: what may stand where a state file, or the temporary one
// that becomes it, is to be written. A link is never followed; what cannot be
// replaced is named, and costs the mark of its own directory alone.
func TestOddStateFiles(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(f *folder, path string) error{
		"directory": func(_ *folder, p string) error { return os.Mkdir(p, 0o755) },
		"full directory": func(_ *folder, p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(p+"/x", nil, 0o644))
		},
		"link to a file":      func(f *folder, p string) error { return os.Symlink(f.next+"/precious", p) },
		"link to a directory": func(f *folder, p string) error { return os.Symlink(f.next, p) },
		"link to nothing":     func(f *folder, p string) error { return os.Symlink(f.next+"/nothing", p) },
		"link to itself":      func(_ *folder, p string) error { return os.Symlink(filepath.Base(p), p) },
		"hard link":           func(f *folder, p string) error { return os.Link(f.root+"/stranger", p) },
		"fifo":                func(_ *folder, p string) error { return syscall.Mkfifo(p, 0o644) },
		"empty":               func(_ *folder, p string) error { return os.WriteFile(p, nil, 0o644) },
		"megabytes":           func(_ *folder, p string) error { return os.WriteFile(p, bytes.Repeat([]byte("[{"), 5<<20), 0o644) },
		"megabytes of ours": func(_ *folder, p string) error {
			return os.WriteFile(p, []byte(`{"tool":"tstat_send","version":"`+strings.Repeat("x", 8<<20)), 0o644)
		},
	}
	for _, name := range []string{".processing", ".processed.tmp", ".processing.tmp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			write(t, f.root+"/stranger", []byte("not to be written to"))
			rows, stuck := f.log("good.out", 1), 0
			for i, kind := range slices.Sorted(maps.Keys(kinds)) {
				rows += f.log(kind+".out", uint64(2+i))
				if err := kinds[kind](f, filepath.Join(f.root, kind+".out", name)); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(kind, "directory") && !strings.HasPrefix(kind, "link") {
					stuck++
				}
			}
			r := f.send().want(ioTrouble, "directory_not_writable", "/full directory.out/"+name, "/directory.out/"+name)
			if r.count("rows") != rows || r.count("sent") != rows || r.count("failed") != 0 || r.count("marked") != len(kinds)+1-stuck {
				t.Errorf("of %d rows in %d directories, %d of them stuck: %v", rows, len(kinds)+1, stuck, r.Summary)
			}
			if text := string(readAll(t, f.root+"/stranger")); text != "not to be written to" {
				t.Errorf("a hard link was written through: %q", text)
			}
			// What was put right is done by the next run.
			for kind := range kinds {
				if err := os.RemoveAll(filepath.Join(f.root, kind+".out", name)); err != nil {
					t.Fatal(err)
				}
			}
			f.send().want(allDone)
			f.cull().want(allDone)
			if left := f.directories(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func (f *folder) directories() []string {
	f.t.Helper()
	s := &site{t: f.t, root: f.root}
	return s.directories()
}

// TestOddTree: whatever else stands below a root is left alone, not followed,
// and named where it looks like a log.
func TestOddTree(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	rows := f.log("2026_01_15_00_00.out", 1)
	for path, target := range map[string]string{
		"loop": ".", "up": "..", "out": f.next, "x.out": f.next + "/2026_01_15_00_00.out", "self": "self",
		"2026_01_15_00_00.out/loop": ".", "2026_01_15_00_00.out/log_udp_complete.gz": f.next + "/precious",
	} {
		if err := os.Symlink(target, filepath.Join(f.root, path)); err != nil {
			t.Fatal(err)
		}
	}
	mkdir := func(name string) string {
		t.Helper()
		dir := filepath.Join(f.root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	named := []string{"socket.out", "2026_01_15_00_00.out"}
	if err := unix.Mknod(filepath.Join(mkdir("socket.out"), tcpLog), unix.S_IFSOCK|0o644, 0); err != nil {
		t.Fatal(err)
	}
	err := unix.Mknod(filepath.Join(mkdir("device.out"), udpLog), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) // zeros without end
	switch {
	case err == nil:
		named = append(named, "device.out")
	case os.Getuid() == 0 && err != unix.EPERM:
		t.Fatal(err)
	}
	write(t, f.root+"/file.out", []byte("not a directory"))
	mkdir("empty.out")
	r := f.send().want(ioTrouble, named...)
	if r.count("sent") != rows || r.count("found") != 1+len(named)-1 {
		t.Errorf("%v, want %d rows sent", r.Summary, rows)
	}
	if strings.Contains(r.Log, f.next) {
		t.Errorf("a link was followed:\n%s", r.log())
	}
	if err := os.Remove(filepath.Join(f.root, "2026_01_15_00_00.out", udpLog+".gz")); err != nil {
		t.Fatal(err)
	}
	f.send().want(ioTrouble)
	if !f.marked("2026_01_15_00_00.out") {
		t.Error("it is not marked though everything in it is sent")
	}
	f.cull().want(allDone)
	if left := f.directories(); slices.Contains(left, "2026_01_15_00_00.out") || !exists(f.root+"/socket.out/"+tcpLog) {
		t.Errorf("left: %q", left)
	}
}

// TestDeepTree: a thousand levels, and one deeper than any path may be long.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	rows := f.log(strings.Repeat("d/", 1000)+"deep.out", 1) + f.log("last.out", 2)
	// The system takes no path of 4096 bytes, so this one is made step by step.
	at, err := unix.Open(f.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		name := strings.Repeat("n", 255)
		if i == 19 {
			name = "unreachable.out"
		}
		if err := unix.Mkdirat(at, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err := errors.Join(err, unix.Close(at)); err != nil {
			t.Fatal(err)
		}
		at = next
	}
	if err := unix.Close(at); err != nil {
		t.Fatal(err)
	}
	r := f.send().want(ioTrouble, "directory_unreadable", "file name too long")
	if r.count("sent") != rows || r.count("marked") != 2 {
		t.Errorf("%v, want %d rows of 2 directories", r.Summary, rows)
	}
	f.cull()
	if f.marked("last.out") || exists(filepath.Join(f.root, strings.Repeat("d/", 1000)+"deep.out")) {
		t.Error("what was sent is not culled")
	}
	cmd := exec.Command("rm", "-rf", f.root) // what os.RemoveAll, which goes by paths, might not do
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestManyDirectories: ten thousand (two thousand under the race detector), most
// of them done.
func TestManyDirectories(t *testing.T) {
	t.Parallel()
	all, unsent := testkit.UnderRace(2_000, 10_000), 40
	f := newFolder(t)
	content := []byte(strings.Join(lines(t, loggen.TCP, 5, 1), ""))
	for i := range all {
		dir := filepath.Join(f.root, fmt.Sprintf("%d/%05d.out", i%7, i))
		write(t, filepath.Join(dir, tcpLog), content)
		if i%(all/unsent) > 0 {
			write(t, filepath.Join(dir, ".processed"), []byte("processed\n"))
		}
	}
	r := f.send().want(allDone)
	if r.count("found") != all || r.count("sent") != unsent || r.count("marked") != unsent {
		t.Errorf("%v, want %d of %d", r.Summary, unsent, all)
	}
	r = f.cull().want(allDone)
	if r.count("directories") != all || len(f.directories()) > 0 {
		t.Errorf("culled %s of %d", r.Summary["directories"], all)
	}
}

// TestRoots that are links, vanish, or are no directories.
func TestOddRoots(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.log("a.out", 1)
	f.root = filepath.Dir(f.root) + "/link"
	if err := os.Symlink("tstat", f.root); err != nil {
		t.Fatal(err)
	}
	f.send().want(allDone)
	if !f.marked("a.out") {
		t.Error("a root that is a link is not walked")
	}
	f.cull().want(allDone)
	if left := f.directories(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	for name, put := range map[string]func(path string) error{
		"gone":        os.RemoveAll,
		"to nothing":  func(p string) error { return os.Symlink("nothing", p) },
		"to itself":   func(p string) error { return os.Symlink(filepath.Base(p), p) },
		"a file":      func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"a fifo":      func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"long a name": func(string) error { return nil },
	} {
		f.root = filepath.Join(t.TempDir(), "root")
		if name == "long a name" {
			f.root += strings.Repeat("x", 300)
		}
		if err := put(f.root); err != nil {
			t.Fatal(err)
		}
		f.send().want(noRoot, f.root)
		f.cull().want(noRoot, f.root)
	}
}

// TestRawNames: names that are no text are shown so that each log line, report
// and message is still one.
func TestRawNames(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	names := []string{
		"new\nline", "\nevent=summary status=0", "not\xff\xfeutf8", "esc\x1b[2Jape", "sp  ace ", "quote\"'\\", "nul\x01", "per%s%n", "ünï",
		strings.Repeat("x", 251), strings.Repeat("\xff", 251), "-rf",
	}
	for i, name := range names {
		f.log("in "+name+"/"+name+".out", uint64(i))
	}
	broken := "broken\n\xff.out"
	write(t, filepath.Join(f.root, broken, udpLog), []byte("no header\n"))
	report, metrics := filepath.Join(t.TempDir(), "report"), filepath.Join(t.TempDir(), "metrics.prom")
	for _, format := range []string{"text", "json"} {
		r := f.send("-D", "--log-format", format, "--report", report, "--metrics", metrics)
		if r.Status != ioTrouble {
			t.Errorf("status %d:\n%s", r.Status, r.log())
		}
		for line := range strings.Lines(r.Log) {
			if !utf8.ValidString(line) || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\x01") {
				t.Errorf("a raw name is logged: %q", line)
			}
			if format == "json" && !json.Valid([]byte(line)) || format == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("a line of the log that is none: %q", line)
			}
		}
		for _, path := range []string{report, metrics} {
			if text := readAll(t, path); !utf8.Valid(text) || path == report && !json.Valid(text) {
				t.Errorf("%s: %q", path, text)
			}
		}
	}
	for _, name := range names {
		if !f.marked("in " + name + "/" + name + ".out") {
			t.Errorf("%q is not marked", name)
		}
	}
	// The ids of messages are text, short, and differ.
	r := run(t, "tstat_send", "-d", f.root, "-N", "-T", "0", "-S", sensor)
	if r.Status != ioTrouble || strings.Count(r.Out, "\n") != 0 {
		t.Errorf("status %d, %q", r.Status, r.Out)
	}
	if r := f.cull("-v"); r.Status != allDone || len(f.directories()) != 1 {
		t.Errorf("status %d, left %q", r.Status, f.directories())
	}
	check := start(t, "tstat_send", f.args("--check")...).wait()
	for line := range strings.Lines(check.Out) {
		word, _, _ := strings.Cut(line, " ") // empty where a line goes on
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\x1b\x01") || !slices.Contains([]string{"ok", "note", "wrong", ""}, word) {
			t.Errorf("--check prints a raw name: %q", line)
		}
	}
}

// TestZeroedMark: a mark that a power cut damaged neither keeps what is new from
// being sent nor lets the directory be culled.
func TestZeroedMark(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(mark []byte) []byte{
		"zeros":   func(mark []byte) []byte { return make([]byte, len(mark)) },
		"empty":   func([]byte) []byte { return nil },
		"cut":     func(mark []byte) []byte { return mark[:len(mark)/2] },
		"garbage": func([]byte) []byte { return []byte("garbage\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.log("a.out", 1)
			f.send().want(allDone)
			path := filepath.Join(f.root, "a.out", ".processed")
			write(t, path, damage(readAll(t, path)))
			f.cull()
			if !exists(filepath.Join(f.root, "a.out", tcpLog)) {
				t.Fatal("culled by a damaged mark")
			}
			rows := f.log("a.out", 2)
			r := f.send().want(allDone, "mark_damaged", "a.out/.processed")
			if got := r.count("sent"); got != rows {
				t.Errorf("%d of %d rows were sent", got, rows)
			}
			f.cull().want(allDone)
			if left := f.directories(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}
