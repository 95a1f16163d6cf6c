package workers_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/workers"
)

// processing returns the content of the directory's .processing.
func processing(t *testing.T, root string) (s logdir.State) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, dirName, ".processing"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// .processing holds the error that left a directory unfinished, and the mark holds none.
func TestStateKeepsTheError(t *testing.T) {
	root := t.TempDir()
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 11))
	to := newArchive()
	inTurn := func(o *workers.Options) { o.Publishers = 1 }
	for _, accepted := range []int{0, 2} { // without progress, and with
		to.refuse = func(string) error {
			if len(to.times) == accepted {
				return errors.New("the broker is away" + strings.Repeat("!", 600))
			}
			return nil
		}
		run(t.Context(), t, root, to, inTurn)
		if s := processing(t, root); !strings.HasPrefix(s.Error, "the broker is away!") || len(s.Error) != logdir.MaxError {
			t.Errorf("after %d messages: %d bytes: %q", accepted, len(s.Error), s.Error)
		}
	}
	to.refuse = nil
	run(t.Context(), t, root, to, inTurn)
	if s := mark(t, root, dirName); s.Error != "" {
		t.Errorf("the mark has the error %q", s.Error)
	}
}

// If a log cannot be read, .processing holds the error, and no progress of the log.
func TestStateOfAnUnreadableLog(t *testing.T) {
	root := t.TempDir()
	writeLog(t, root, dirName, "log_udp_complete", nil)
	if err := os.Symlink("nowhere", filepath.Join(root, dirName, "log_tcp_complete")); err != nil {
		t.Fatal(err)
	}
	run(t.Context(), t, root, newArchive(), nil)
	s := processing(t, root)
	if !strings.Contains(s.Error, "log_tcp_complete: a symbolic link, which is not followed") {
		t.Errorf("error %q", s.Error)
	}
	if _, ok := s.Logs["log_tcp_complete"]; ok || len(s.Logs) != 1 {
		t.Errorf("the state has the logs %v, want only log_udp_complete", s.Logs)
	}
}
