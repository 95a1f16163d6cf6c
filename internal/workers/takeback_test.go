package workers_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

// stateFiles returns the contents of the state files below root, by path. The key of a mark
// also has its modification time.
func stateFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range []string{".processed", ".processing"} {
		paths, err := filepath.Glob(filepath.Join(root, "*", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if name == ".processed" {
				path += " of " + info.ModTime().String()
			}
			all[path] = string(content)
		}
	}
	return all
}

// The queue vanishes during a run, with messages that it had confirmed. The state files of
// every directory that has sent messages in the run are restored, and the next run sends the
// same messages with the same ids. A directory that was marked without a message keeps its
// mark.
func TestTakeBack(t *testing.T) {
	const grown, unfinished, fresh, silent, last = "2026_11_23_10_00.out", "2026_11_23_11_00.out", "2026_11_23_12_00.out", "2026_11_23_13_00.out", "2026_11_23_14_00.out"
	root, text := t.TempDir(), longLog(t, 11)
	inTurn := func(o *workers.Options) { o.Publishers, o.Workers = 1, 1 }
	refusing := func(dir string, after int, err error) *archive {
		to := newArchive()
		to.refuse = func(id string) error {
			if after--; strings.Contains(id, dir) && after < 0 {
				return err
			}
			return nil
		}
		return to
	}
	cut := len(text) / 2
	cut += strings.IndexByte(string(text[cut:]), '\n') + 1
	writeLog(t, root, grown, "log_tcp_complete", text[:cut])
	run(t.Context(), t, root, newArchive(), nil)
	old := time.Now().Add(-50 * time.Hour).Truncate(time.Second)
	if err := os.Chtimes(filepath.Join(root, grown, ".processed"), time.Time{}, old); err != nil {
		t.Fatal(err)
	}
	writeLog(t, root, unfinished, "log_tcp_complete", longLog(t, 12))
	run(t.Context(), t, root, refusing(unfinished, 2, errors.New("away")), inTurn)
	before := stateFiles(t, root)
	if len(before) != 2 {
		t.Fatalf("state files before the run: %v", slices.Collect(maps.Keys(before)))
	}

	writeLog(t, root, grown, "log_tcp_complete", text)
	writeLog(t, root, fresh, "log_tcp_complete", longLog(t, 13))
	header, _, _ := strings.Cut(string(text), "\n")
	writeLog(t, root, silent, "log_tcp_complete", []byte(header+"\n"))
	writeLog(t, root, last, "log_tcp_complete", longLog(t, 14))
	lost := fmt.Errorf("the queue is gone: %w", transport.ErrDestinationLost)
	to := refusing(last, 0, &transport.Error{Verdict: transport.Misconfigured, Err: lost})
	outcome, n := run(t.Context(), t, root, to, inTurn)
	if !errors.Is(outcome.TransportErr, transport.ErrDestinationLost) || outcome.IOErrors != 0 {
		t.Errorf("outcome %+v", outcome)
	}
	for _, dir := range []string{grown, unfinished, fresh} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(to.bodies)), func(id string) bool { return strings.Contains(id, dir) }) {
			t.Errorf("nothing of %s was sent before the queue was gone", dir)
		}
	}
	after := stateFiles(t, root)
	for path := range after {
		if strings.Contains(path, silent) {
			delete(after, path)
		}
	}
	if !maps.Equal(before, after) {
		t.Errorf("state files after the run: %v\nwant %v", slices.Collect(maps.Keys(after)), slices.Collect(maps.Keys(before)))
	}
	if got := n.Marked.Load(); got != 1 {
		t.Errorf("%d directories count as marked, want only the directory without messages", got)
	}
	if backlog, complete := n.Unsent.Backlog(); !complete || backlog.Directories != 4 || backlog.Failed != 4 || backlog.Bytes == 0 {
		t.Errorf("backlog %+v", backlog)
	}

	again := newArchive()
	if _, n := run(t.Context(), t, root, again, nil); n.Marked.Load() != 4 {
		t.Errorf("the next run marks %d directories, want 4", n.Marked.Load())
	}
	for id, body := range to.bodies {
		if again.bodies[id] != body {
			t.Errorf("message %s was lost and is not sent again", id)
		}
	}
}
