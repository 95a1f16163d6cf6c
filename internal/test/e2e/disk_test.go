package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

// wantNoStateFile wants no directory to have a state file, whole or torn.
func (s *site) wantNoStateFile() {
	s.t.Helper()
	for _, dir := range s.directories() {
		names, err := filepath.Glob(filepath.Join(s.root, dir, ".process*"))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(names) > 0 {
			s.t.Errorf("state files: %q", names)
		}
	}
}

// TestDiskFull: the disk has no room for a state file, so nothing is sent until it has.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newSite(t)
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
	s.wantNoStateFile()
	if err := os.Remove(stuffing); err != nil {
		t.Fatal(err)
	}
	s.wantRecovery()
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	testkit.Mount(t, s.root, s.root, "", unix.MS_BIND, "")
	remount := func(flags uintptr) {
		if err := unix.Mount("", s.root, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	r := s.send().want(ioTrouble, "directory_not_writable", "read-only file system", "mount the file system read-write")
	if r.count("published") != 0 {
		t.Errorf("published=%d, want nothing sent whose state cannot be written", r.count("published"))
	}
	s.wantNoStateFile()
	// --check and the run name the same remedy.
	check := s.send("--check")
	if check.Status != ioTrouble || !strings.Contains(check.Out, "read-only file system: mount the file system read-write") {
		t.Errorf("--check: status %d\n%s", check.Status, check.Out)
	}
	remount(0)
	s.wantRecovery()
}

// TestForbidden: the user who runs tstat_send may not enter one directory, not write into
// another, and not read a log of a third. Everything else is sent and marked.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	corpus(t, "lossy_level31", s.root)
	corpus(t, "v2.4_repeated_headers", s.root)
	dirs := s.directories()
	closed, readOnly, partly := dirs[0], dirs[1], dirs[2]
	set := func(mode os.FileMode, path ...string) {
		t.Helper()
		chmod(t, mode, filepath.Join(append([]string{s.root}, path...)...))
	}
	if err := filepath.Walk(s.root, func(path string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nogroup))
	}); os.Getuid() == 0 && err != nil {
		t.Fatal(err)
	}
	set(0, closed)
	set(0o555, readOnly)
	set(0, partly, udpLog)
	send := s.send
	if os.Getuid() == 0 {
		send = s.sendUnprivileged
	}
	send().want(ioTrouble, closed, readOnly, "directory_not_writable", partly+"/"+udpLog, "permission denied")
	for _, dir := range dirs {
		if got, want := s.marked(dir), dir == dirs[3]; got != want {
			t.Errorf("%s is marked: %v, want %v", dir, got, want)
		}
	}
	set(0o755, closed)
	set(0o755, readOnly)
	set(0o644, partly, udpLog)
	send().want(allDone)
	s.wantComplete()
}
