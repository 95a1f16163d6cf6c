package workers_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// If the mark cannot be written, .processing keeps confirmed rows from being sent again.
func TestMarkNotReplaceable(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 11))
	writeLog(t, root, dirName, ".processed", nil)
	mark := filepath.Join(root, dirName, ".processed")
	if out, err := exec.CommandContext(t.Context(), "chattr", "+i", mark).CombinedOutput(); err != nil {
		t.Skipf("no file can be made immutable here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("chattr", "-i", mark).Run() })
	for i := range 3 {
		outcome, n := run(t.Context(), t, root, to, nil)
		if outcome.IOErrors != 1 || (n.Published.Load() > 0) != (i == 0) {
			t.Errorf("run %d: %d messages, %+v", i, n.Published.Load(), outcome)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "chattr", "-i", mark).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if outcome, n := run(t.Context(), t, root, to, nil); outcome.IOErrors != 0 || n.Published.Load() != 0 || n.Marked.Load() != 1 {
		t.Errorf("at last: %d messages, %d marked, %+v", n.Published.Load(), n.Marked.Load(), outcome)
	}
}
