package logdir

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// ReadLocks also finds a lock that this process holds.
func TestReadLocks(t *testing.T) {
	root := openRoot(t, t.TempDir())
	if pid := ReadLocks().Holder(root); pid != 0 {
		t.Errorf("process %d before it is locked", pid)
	}
	must(t, root.Lock())
	if pid := ReadLocks().Holder(root); pid != os.Getpid() {
		t.Errorf("process %d, want %d", pid, os.Getpid())
	}
}

// TestLockedByAStranger: whoever may read a directory can lock it, and is named.
func TestLockedByAStranger(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	root := openRoot(t, t.TempDir())
	must(t, os.Chmod(root.Path, 0o755))
	must(t, os.Chmod(root.Path+"/..", 0o755))
	stranger := exec.CommandContext(t.Context(), "flock", "--no-fork", root.Path, "sh", "-c", "echo locked; exec sleep 100")
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := stranger.StdoutPipe()
	must(t, err)
	must(t, stranger.Start())
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	_, err = fmt.Fscanln(out, new(string))
	must(t, err)

	err = root.Lock()
	if want := fmt.Sprintf("lock %s: locked by process %d (", root.Path, stranger.Process.Pid); !errors.Is(err, ErrLocked) ||
		!strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), ") of user nobody") {
		t.Errorf("%v, want %q", err, want)
	}
	want := fmt.Sprintf("if process %d is no run of tstat_send or tstat_cull, end it and let no other user read %s", stranger.Process.Pid, root.Path)
	if got := LockRemedy(err); got != want {
		t.Errorf("remedy: %s, want %s", got, want)
	}
	if got := LockRemedy(&LockedError{Process: 1, Command: "tstat_send"}); got != "another run works on it; try again later" {
		t.Errorf("a run: %s", got)
	}
	if got := LockRemedy(ErrVanished); got != "" {
		t.Errorf("another error: %s", got)
	}
}
