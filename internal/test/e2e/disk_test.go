package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

// wantNoMark wants no whole or torn state file anywhere.
func (s *site) wantNoMark() {
	s.t.Helper()
	for _, dir := range s.directories() {
		names, err := filepath.Glob(filepath.Join(s.root, dir, ".process*"))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(names) > 0 {
			s.t.Errorf("there is %q", names)
		}
	}
}

// TestDiskFull when the mark is written: everything was sent, and is again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.repeats = true
	testkit.Mount(t, "tmpfs", s.root, "tmpfs", 0, "size=16m")
	s.fill()
	stuffing := filepath.Join(s.root, "stuffing")
	f, err := os.Create(stuffing)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := s.send().want(ioTrouble, "directory_not_writable", "no space left", "free space")
	if r.count("published") != 0 || r.count("marked") != 0 {
		t.Errorf("published=%d marked=%d, want nothing sent whose state cannot be written", r.count("published"), r.count("marked"))
	}
	s.wantNoMark()
	if err := os.Remove(stuffing); err != nil {
		t.Fatal(err)
	}
	s.recover()
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.repeats = true
	corpus(t, "rotation", s.root)
	testkit.Mount(t, s.root, s.root, "", unix.MS_BIND, "")
	remount := func(flags uintptr) {
		if err := unix.Mount("", s.root, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	r := s.send().want(ioTrouble, "directory_not_writable", "read-only file system", "mount the file system to be written to")
	if r.count("published") != 0 {
		t.Errorf("published=%d, want nothing sent whose state cannot be written", r.count("published"))
	}
	s.wantNoMark()
	// --check and the run give one remedy.
	check := s.send("--check")
	if check.Status != ioTrouble || !strings.Contains(check.Out, "read-only file system: mount the file system to be written to") {
		t.Errorf("--check: status %d\n%s", check.Status, check.Out)
	}
	remount(0)
	s.recover()
}

// TestForbidden: as a user to whom some things are forbidden. What can be read
// is sent, and what can be written is marked.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.repeats = true
	corpus(t, "rotation", s.root)
	corpus(t, "lossy_level31", s.root)
	corpus(t, "v2.4_repeated_headers", s.root)
	dirs := s.directories()
	closed, readOnly, partly := dirs[0], dirs[1], dirs[2]
	chmod := func(mode os.FileMode, path ...string) {
		t.Helper()
		if err := os.Chmod(filepath.Join(append([]string{s.root}, path...)...), mode); err != nil {
			t.Fatal(err)
		}
	}
	nobody := 65534
	if err := filepath.Walk(s.root, func(path string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	}); os.Getuid() == 0 && err != nil {
		t.Fatal(err)
	}
	chmod(0, closed)
	chmod(0o555, readOnly)
	chmod(0, partly, udpLog)
	asNobody := func() result {
		t.Helper()
		config := s.ConfigFile()
		cmd := exec.Command(binary(t, "tstat_send"), "-d", s.root, "-c", config, "-S", sensor, "-T", "0")
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(nobody), Gid: uint32(nobody)}}
			letIn(t, s.root, config, cmd.Path)
			if err := os.Chown(config, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		return startCommand(t, cmd).wait()
	}
	asNobody().want(ioTrouble, closed, readOnly, "directory_not_writable", partly+"/"+udpLog, "permission denied")
	for _, dir := range dirs {
		if got, want := s.marked(dir), dir == dirs[3]; got != want && dir != closed {
			t.Errorf("%s is marked: %v, want %v", dir, got, want)
		}
	}
	chmod(0o755, closed)
	chmod(0o755, readOnly)
	chmod(0o644, partly, udpLog)
	asNobody().want(allDone)
	s.complete()
}

// letIn lets everybody through to the paths.
func letIn(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err == nil && info.Mode()&0o005 != 0o005 {
				err = os.Chmod(dir, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
