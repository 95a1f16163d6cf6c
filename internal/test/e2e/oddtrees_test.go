package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// TestOddTree: links, sockets, devices and stray files below a root are neither followed
// nor changed. The log names those that look like logs.
func TestOddTree(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	rows := f.addLog("2026_01_15_00_00.out", 1)
	for path, target := range map[string]string{
		"loop": ".", "up": "..", "out": f.neighbour, "x.out": f.neighbour + "/2026_01_15_00_00.out", "self": "self",
		"2026_01_15_00_00.out/loop": ".", "2026_01_15_00_00.out/log_udp_complete.gz": f.neighbour + "/precious",
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
	named := []string{"socket.out", "2026_01_15_00_00.out"} // hold something that has the name of a log and is no file
	if err := unix.Mknod(filepath.Join(mkdir("socket.out"), tcpLog), unix.S_IFSOCK|0o644, 0); err != nil {
		t.Fatal(err)
	}
	err := unix.Mknod(filepath.Join(mkdir("device.out"), udpLog), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) // /dev/zero
	switch {
	case err == nil:
		named = append(named, "device.out")
	case os.Getuid() == 0 && err != unix.EPERM:
		t.Fatal(err)
	}
	write(t, f.root+"/file.out", "not a directory")
	mkdir("empty.out")
	r := f.send().want(ioTrouble, named...)
	if r.count("sent") != rows || r.count("found") != len(named) {
		t.Errorf("%v, want %d rows sent", r.Summary, rows)
	}
	if strings.Contains(r.Log, f.neighbour) {
		t.Errorf("a link was followed:\n%s", r.log())
	}
	if err := os.Remove(filepath.Join(f.root, "2026_01_15_00_00.out", udpLog+".gz")); err != nil {
		t.Fatal(err)
	}
	f.send().want(ioTrouble)
	if !f.marked("2026_01_15_00_00.out") {
		t.Error("the directory is not marked, though everything in it was sent")
	}
	f.cull().want(allDone)
	if left := f.directories(); slices.Contains(left, "2026_01_15_00_00.out") || !exists(f.root+"/socket.out/"+tcpLog) {
		t.Errorf("left: %q", left)
	}
}

// TestDeepTree: one directory lies a thousand levels deep, another deeper than a path can be
// long.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	rows := f.addLog(strings.Repeat("d/", 1000)+"deep.out", 1) + f.addLog("last.out", 2)
	// The kernel accepts no path of 4096 bytes, so the tree is made step by step.
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
		t.Error("a directory that was sent is not culled")
	}
	cmd := exec.Command("rm", "-rf", f.root) // os.RemoveAll holds a file open for each level, so it could exceed the limit
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestManyDirectories: a root holds ten thousand directories (two thousand under the race
// detector), most of them marked.
func TestManyDirectories(t *testing.T) {
	t.Parallel()
	all, unsent := testkit.UnderRace(2_000, 10_000), 40
	f := newFolder(t)
	content := lines(t, loggen.TCP, 5, 1)
	for i := range all {
		dir := filepath.Join(f.root, fmt.Sprintf("%d/%05d.out", i%7, i))
		write(t, filepath.Join(dir, tcpLog), content...)
		if i%(all/unsent) > 0 {
			write(t, filepath.Join(dir, ".processed"), "processed\n")
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

// TestOddRoots: roots are links, are missing, or are no directories.
func TestOddRoots(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.addLog("a.out", 1)
	f.root = filepath.Dir(f.root) + "/link"
	if err := os.Symlink("tstat", f.root); err != nil {
		t.Fatal(err)
	}
	f.send().want(allDone)
	if !f.marked("a.out") {
		t.Error("a root that is a link is not walked")
	}
	f.cull().want(allDone)
	wantNoneLeft(t, f.root)
	for name, put := range map[string]func(path string) error{
		"gone":        os.RemoveAll,
		"to nothing":  func(p string) error { return os.Symlink("nothing", p) },
		"to itself":   func(p string) error { return os.Symlink(filepath.Base(p), p) },
		"a file":      func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"a fifo":      func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"a long name": func(string) error { return nil },
	} {
		f.root = filepath.Join(t.TempDir(), "root")
		if name == "a long name" {
			f.root += strings.Repeat("x", 300)
		}
		if err := put(f.root); err != nil {
			t.Fatal(err)
		}
		f.send().want(noRoot, f.root)
		f.cull().want(noRoot, f.root)
	}
}
