package logdir

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// coarse mounts an ext4 whose times have no fractions of a second, and returns its path.
func coarse(t *testing.T) string {
	t.Helper()
	image, at := t.TempDir()+"/image", t.TempDir()
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 16<<20))
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-I", "128", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", image, at).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
	return at
}

// TestCoarseClock: a log that is overwritten by another of the same size, mostly within the
// second of its change time, counts as replaced.
func TestCoarseClock(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	root := openRoot(t, coarse(t))
	must(t, os.Mkdir(root.Path+"/x.out", 0o755))
	d := open(t, entry(root, "x.out"))
	for range 3 {
		put(t, d, tcp, rows("a", 9))
		s := markConfirmed(t, d)
		put(t, d, tcp, rows("b", 9))
		st := statLog(t, d)
		if st.Ctime%int64(time.Second) != 0 {
			t.Fatalf("the change time has nanoseconds: %d", st.Ctime)
		}
		if UpToDate(d.Entry) {
			t.Fatal("a log replaced within the second counts as sent")
		}
		if unsent, err := d.Unsent(t.Context(), s); unsent != "log_tcp_complete was replaced" || err != nil {
			t.Fatalf("unsent: %q, %v", unsent, err)
		}
		if _, change := resume(t, d, s, State{}); change != Replaced {
			t.Fatalf("Resume: %v", change)
		}
	}

	s := markConfirmed(t, d)
	if _, change := resume(t, d, s, State{}); change != Unchanged {
		t.Fatalf("not replaced: %v", change)
	}
	for statLog(t, d).Fresh {
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // for two seconds at most
	}
	markConfirmed(t, d)
	if !UpToDate(d.Entry) {
		t.Error("a log is still not recognized two seconds after its last change")
	}
}

func statLog(t *testing.T, d *Dir) Stat {
	t.Helper()
	f, st, err := d.OpenLog(plainIsLog)
	must(t, err)
	defer f.Close()
	return st
}
