package workers_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tstat-transport/internal/workers"
)

// unsynced counts the rejected rows of UDP logs since the last Sync.
type unsynced struct{ rows atomic.Int64 }

func (u *unsynced) Reject(file string, _ int64, _ string, _ []byte) error {
	if strings.HasSuffix(file, "log_udp_complete") {
		u.rows.Add(1)
	}
	return nil
}

func (u *unsynced) Sync() error {
	u.rows.Store(0)
	return nil
}

// A malformed row is on the disk before a state file counts it, even if no message of its log
// is sent.
func TestRejectsAreSyncedFirst(t *testing.T) {
	for what, unreadable := range map[string]bool{"state before the first message": false, "state at the end": true} {
		t.Run(what, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			to.refuse = func(string) error { return errors.New("away") }
			writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 11))
			run(t.Context(), t, root, to, nil) // leaves .processing

			lines := realLog(t, "level15", "log_udp_complete")
			writeLog(t, root, dirName, "log_udp_complete", []byte(lines[0]+"malformed\n"))
			rejects, counted := new(unsynced), false
			check := func() {
				state, err := os.ReadFile(filepath.Join(root, dirName, ".processing"))
				if err != nil {
					t.Error(err)
				}
				_, udp, _ := strings.Cut(string(state), `"log_udp_complete"`)
				counted = strings.Contains(udp, `"malformed":1`)
				if counted && rejects.rows.Load() > 0 {
					t.Error("the state counts a row that is not synced")
				}
			}
			if unreadable { // then nothing is sent, and the state is written at the end
				tcp := filepath.Join(root, dirName, "log_tcp_complete")
				if err := errors.Join(os.Remove(tcp), os.Symlink("nowhere", tcp)); err != nil {
					t.Fatal(err)
				}
			}
			to.refuse = func(string) error { check(); return errors.New("away") }
			run(t.Context(), t, root, to, func(o *workers.Options) { o.Rejects, o.Workers, o.Publishers = rejects, 1, 1 })
			if unreadable {
				check()
			}
			if !counted {
				t.Error("no state counts the malformed row")
			}
		})
	}
}
