package workers_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// firstReject calls do when the first malformed row is rejected. The run has then sent
// nothing of the directory.
type firstReject struct {
	once sync.Once
	do   func()
}

func (r *firstReject) Reject(string, int64, string, []byte) error {
	r.once.Do(r.do)
	return nil
}

func (*firstReject) Sync() error { return nil }

// If a directory is deleted during a run, nobody can mark it, and the run has no error. If a
// directory was renamed and its state cannot be written, the run has an error: the directory
// and the cause still exist.
func TestDeletedOrRenamed(t *testing.T) {
	log := longLog(t, 11)
	if readReference(t, log, reference.TCP, 0).Books.Malformed == 0 {
		t.Fatal("no row is malformed")
	}
	for name, c := range map[string]struct {
		renamed, early bool // early: before the first message
		errors         int
		event          string
	}{
		"deleted":                          {false, false, 0, "directory_vanished"},
		"deleted before the first message": {false, true, 0, "directory_vanished"},
		"renamed":                          {true, false, 1, "directory_not_marked"},
		"renamed before the first message": {true, true, 1, "directory_not_writable"},
	} {
		t.Run(name, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			writeLog(t, root, dirName, "log_tcp_complete", log)
			dir := filepath.Join(root, dirName)
			change := func() {
				if !c.renamed {
					if err := os.RemoveAll(dir); err != nil {
						t.Error(err)
					}
					return
				}
				for _, obstacle := range []string{".processed/x", ".processed.tmp/x"} {
					if err := os.MkdirAll(filepath.Join(dir, obstacle), 0o755); err != nil {
						t.Error(err)
					}
				}
				if err := os.Rename(dir, filepath.Join(root, "renamed.out")); err != nil {
					t.Error(err)
				}
			}
			var told bytes.Buffer
			outcome, n := run(t.Context(), t, root, to, func(o *workers.Options) {
				o.Log = slog.New(slog.NewTextHandler(&told, nil))
				if c.early {
					o.Rejects = &firstReject{do: change}
					return
				}
				once := sync.OnceFunc(change)
				to.refuse = func(string) error { once(); return nil }
			})
			if outcome != (workers.Outcome{IOErrors: c.errors}) || n.Marked.Load() != 0 || (n.Published.Load() == 0) != c.early {
				t.Errorf("%+v, %d marked, %d messages, want %d errors", outcome, n.Marked.Load(), n.Published.Load(), c.errors)
			}
			for _, event := range []string{"directory_vanished", "directory_not_marked", "directory_not_writable"} {
				if logged := strings.Contains(told.String(), "msg="+event+" directory="+dir); logged != (event == c.event) {
					t.Errorf("%s is logged: %v, want only %s", event, logged, c.event)
				}
			}
		})
	}
}
