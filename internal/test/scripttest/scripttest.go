// Package scripttest has the commands that the test scripts of both programs share.
package scripttest

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// Commands returns these commands:
//
//	status STATUS PROGRAM ARG...   run a program and check its exit status
//	lock DIR                       lock a root or a directory, as a run does
//	unlock DIR                     release the lock
func Commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	l := new(locks)
	return map[string]func(*testscript.TestScript, bool, []string){"status": status, "lock": l.lock, "unlock": l.unlock}
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status STATUS PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%q: status %d, want %s", args[1:], got, args[0])
	}
}

// locks are the locked directories of all scripts, by path. Scripts run in parallel.
type locks struct{ held sync.Map }

func (l *locks) lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock DIR")
	}
	path := ts.MkAbs(args[0])
	dir, err := os.Open(path)
	ts.Check(err)
	ts.Defer(func() { _ = dir.Close() })
	ts.Check(unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	l.held.Store(path, dir)
}

func (l *locks) unlock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unlock DIR")
	}
	dir, ok := l.held.LoadAndDelete(ts.MkAbs(args[0]))
	if !ok {
		ts.Fatalf("%s is not locked", args[0])
	}
	// Closing dir is not enough: a process that another script is starting has a copy of
	// the descriptor until it calls exec, and the lock lasts as long as any copy.
	ts.Check(unix.Flock(int(dir.(*os.File).Fd()), unix.LOCK_UN))
	ts.Check(dir.(*os.File).Close())
}
