package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

// waitFull waits until a pipe is full.
func waitFull(t *testing.T, in *os.File) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.After(time.Minute); ; {
		switch n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLOUT}}, 0); {
		case err != nil && err != unix.EINTR:
			t.Fatal(err)
		case err == nil && n == 0:
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("the pipe does not fill")
		}
	}
}

// intoPipe starts a run that prints into a pipe, and waits until the pipe is full.
func intoPipe(t *testing.T) (cmd *exec.Cmd, out *os.File, log *bytes.Buffer) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil { // a blocking pipe, as a shell makes it
		t.Fatal(err)
	}
	out, in := os.NewFile(uintptr(ends[0]), "out"), os.NewFile(uintptr(ends[1]), "in")
	t.Cleanup(func() { out.Close() })
	defer in.Close()
	cmd = exec.CommandContext(t.Context(), "tstat_send", "-d", bigRoot(t), "-N", "-T", "0", "-S", "s")
	log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = in, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFull(t, in)
	return cmd, out, log
}

// A run that is stopped while nobody reads its output ends after the grace time. If somebody
// reads again before that, it ends soon, and all messages are whole.
func TestStoppedInAPipe(t *testing.T) {
	t.Parallel()
	for name, reads := range map[string]bool{"read no more": false, "read again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, out, log := intoPipe(t)
			began := time.Now()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if reads {
				text, err := io.ReadAll(out)
				if err != nil || !bytes.HasSuffix(text, []byte("}]\n")) {
					t.Errorf("%d bytes end with %q, %v", len(text), text[max(0, len(text)-50):], err)
				}
			}
			err := cmd.Wait()
			took := time.Since(began)
			if cmd.ProcessState.ExitCode() != cli.TempFail || !bytes.Contains(log.Bytes(), []byte("event=summary")) {
				t.Errorf("%v:\n%s", err, log)
			}
			if soon := took < grace; soon != reads || took > 2*grace {
				t.Errorf("ended after %v", took)
			}
		})
	}
}

// If the reader closes the pipe, as head does, the run dies of SIGPIPE.
func TestPipeClosed(t *testing.T) {
	t.Parallel()
	cmd, out, log := intoPipe(t)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGPIPE || log.Len() > 0 {
		t.Errorf("%v:\n%s", err, log)
	}
}
