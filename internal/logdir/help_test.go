package logdir

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

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
