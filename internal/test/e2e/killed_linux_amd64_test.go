package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// call is a system call of the program, about to be made or just made.
type call struct {
	number  uint64
	entered bool
	path    string // of openat, unlinkat; the new one of renameat
	create  bool   // openat makes the file
	bytes   uint64 // that write writes
}

// TestKilledAt kills the program with SIGKILL at each point that matters, by
// tracing its system calls.
func TestKilledAt(t *testing.T) {
	t.Parallel()
	messages := 0
	for _, c := range []struct {
		point   string
		at      func(c call) bool
		repeats bool
		marked  bool // one directory is
	}{
		{"before publishing", func(c call) bool {
			return c.number == syscall.SYS_OPENAT && !c.entered && strings.HasSuffix(c.path, tcpLog)
		}, false, false},
		{"within the window", func(c call) bool {
			if c.number == syscall.SYS_WRITE && !c.entered && c.bytes > 20_000 {
				messages++
			}
			return messages == 8
		}, true, false},
		{"after confirmation and before the mark", func(c call) bool {
			return c.number == syscall.SYS_OPENAT && c.entered && c.create && c.path == ".processed.tmp"
		}, true, false},
		{"when the mark's file is made", func(c call) bool {
			return c.number == syscall.SYS_OPENAT && !c.entered && c.create && c.path == ".processed.tmp"
		}, true, false},
		{"between write and sync", func(c call) bool { return c.number == syscall.SYS_FSYNC && c.entered }, true, false},
		{"between write and rename", func(c call) bool { return c.number == syscall.SYS_RENAMEAT && c.entered }, true, false},
		{"after the rename", func(c call) bool { return c.number == syscall.SYS_RENAMEAT && !c.entered }, true, true},
	} {
		t.Run(c.point, func(t *testing.T) {
			s := shared(t)
			corpus(t, "rotation", s.root)
			corpus(t, "lossy_level31", s.root)
			s.repeats = c.repeats
			s.traced(c.at)
			marked := 0
			for _, dir := range s.directories() {
				if s.marked(dir) {
					marked++
				}
			}
			if (marked > 0) != c.marked {
				t.Errorf("%d directories are marked, want some: %v", marked, c.marked)
			}
			s.recover()
			for _, dir := range s.directories() {
				if left, err := filepath.Glob(filepath.Join(s.root, dir, "*.tmp")); err != nil || len(left) > 0 {
					t.Errorf("there is still %q (%v)", left, err)
				}
			}
		})
	}
}

// traced runs tstat_send and kills it when kill says so, which it must.
func (s *site) traced(kill func(call) bool) {
	t := s.t
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary(t, "tstat_send"), s.command()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}

	type end struct {
		killed bool
		err    error
	}
	ended := make(chan end, 1)
	pid := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // which is the tracer
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			ended <- end{err: err}
			return
		}
		pid <- cmd.Process.Pid
		killed, err := trace(cmd.Process.Pid, kill)
		ended <- end{killed, err}
	}()
	timeout := time.After(testkit.Patience)
	var e end
	select {
	case e = <-ended:
	case <-timeout:
		_ = syscall.Kill(<-pid, syscall.SIGKILL)
		e = <-ended
		t.Errorf("the traced run did not end within %v", testkit.Patience)
	}
	text := string(readAll(t, log.Name()))
	noSecret(t, text)
	if errors.Is(e.err, syscall.EPERM) {
		t.Skip("this container may not trace")
	}
	if e.err != nil || !e.killed {
		t.Fatalf("the point was not reached: %v\n%s", e.err, text)
	}
}

// trace stops the process, a group of its own, and its threads at each system
// call.
func trace(pid int, kill func(call) bool) (killed bool, err error) {
	const (
		all      = 0x40000000 // __WALL
		good     = 0x80       // PTRACE_O_TRACESYSGOOD's mark
		exitKill = 0x00100000 // PTRACE_O_EXITKILL
	)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, all, nil); err != nil {
		return false, err
	}
	options := syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | exitKill
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return false, err
	}
	if err := syscall.PtraceSyscall(pid, 0); err != nil {
		return false, err
	}
	inside := map[int]bool{} // threads that are in a system call
	for {
		thread, err := syscall.Wait4(-pid, &status, all, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.ECHILD:
			return killed, nil
		case err != nil:
			return killed, err
		case !status.Stopped():
			delete(inside, thread)
			continue
		}
		signal := 0
		switch s := status.StopSignal(); {
		case s == syscall.SIGTRAP|good:
			inside[thread] = !inside[thread]
			if c, ok := current(thread, inside[thread]); ok && !killed && kill(c) {
				killed = true
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					return killed, err
				}
			}
		case s == syscall.SIGTRAP || s == syscall.SIGSTOP: // a new thread
		default:
			signal = int(s)
		}
		if err := syscall.PtraceSyscall(thread, signal); err != nil && err != syscall.ESRCH {
			return killed, err
		}
	}
}

func current(thread int, entered bool) (call, bool) {
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(thread, &r); err != nil {
		return call{}, false
	}
	c := call{number: r.Orig_rax, entered: entered, bytes: r.Rdx}
	switch c.number {
	case syscall.SYS_OPENAT, syscall.SYS_UNLINKAT:
		c.path, c.create = text(thread, r.Rsi), r.Rdx&syscall.O_CREAT != 0
	case syscall.SYS_RENAMEAT:
		c.path = text(thread, r.R10)
	case syscall.SYS_WRITE, syscall.SYS_FSYNC:
	default:
		return call{}, false
	}
	return c, true
}

// text is a C string in the memory of a stopped thread.
func text(thread int, at uint64) string {
	b := make([]byte, 256)
	n, _ := syscall.PtracePeekData(thread, uintptr(at), b)
	before, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(before)
}
