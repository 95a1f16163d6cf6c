package workers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/testkit"
)

// finisher is an archive that reads a directory's .processing in Finish.
type finisher struct {
	*archive
	processing string // path
	seen       logdir.State
}

func (f *finisher) Finish(context.Context, string, string) error {
	text, err := os.ReadFile(f.processing)
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes.TrimSpace(text), &f.seen)
}

// When Finish begins, .processing holds everything that is confirmed, so that the run after
// one that dies in Finish sends nothing again.
func TestProgressIsSavedBeforeFinish(t *testing.T) {
	const name = "log_tcp_complete"
	root := t.TempDir()
	writeLog(t, root, dirName, name, longLog(t, 1))
	to := &finisher{archive: newArchive(), processing: filepath.Join(root, dirName, ".processing")}
	run(t.Context(), t, root, to, nil)
	got, want := to.seen.Logs[name].Position, mark(t, root, dirName).Logs[name].Position
	if got != want || want == 0 || len(to.bodies) == 0 {
		t.Errorf("%d messages, confirmed to %d in Finish, want %d", len(to.bodies), got, want)
	}
}

// If a message is not confirmed, the directory is not finished, even if its log was read to
// the end.
func TestNoFinishAfterAFailure(t *testing.T) {
	const name = "log_udp_complete"
	root := t.TempDir()
	writeLog(t, root, dirName, name, []byte(strings.Join(realLog(t, "level15", name)[:2], "")))
	to := &finisher{archive: newArchive(), processing: filepath.Join(root, dirName, ".processing")}
	to.refuse = func(string) error {
		testkit.Pause(t.Context(), 100*time.Millisecond) // the worker reads the log to its end
		return errors.New("away")
	}
	run(t.Context(), t, root, to, nil)
	if to.seen.Tool != "" || len(to.times) > 0 {
		t.Errorf("Finish has read %+v, %d messages were confirmed", to.seen, len(to.times))
	}
}
