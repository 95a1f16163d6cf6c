package workers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tstat-transport/internal/test/reference"
)

// A .gz that is damaged before the position of the mark holds no row that was not sent. The
// log is named in every run and is not sent from its start.
func TestDamagedSinceTheMark(t *testing.T) {
	log := longLog(t, 15)
	whole := gzipped(t, log)
	want := wantFlows(t, readReference(t, log, reference.TCP, 0))
	for what, damage := range map[string]func(b []byte){
		"garbage": func(b []byte) { copy(b[len(b)/2:], bytes.Repeat([]byte{0xff}, 600)) },
		"zeros":   func(b []byte) { clear(b[len(b)/2 : len(b)/2+600]) },
	} {
		t.Run(what, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			const name = "log_tcp_complete.gz"
			writeLog(t, root, dirName, name, whole)
			run(t.Context(), t, root, to, nil)
			damaged := bytes.Clone(whole)
			damage(damaged)
			writeLog(t, root, dirName, name, damaged)
			for i := range 2 {
				if outcome, n := run(t.Context(), t, root, to, nil); outcome.IOErrors != 1 || n.Published.Load() > 0 {
					t.Errorf("run %d: %+v, %d messages, want one error and none", i, outcome, n.Published.Load())
				}
			}
			writeLog(t, root, dirName, name, whole)
			if outcome, _ := run(t.Context(), t, root, to, nil); outcome.IOErrors != 0 {
				t.Errorf("mended: %+v", outcome)
			}
			diff(t, to.flows(t), want)
		})
	}
}

// A .gz that became shorter after the mark is sent from its start once, not by every run,
// although another log keeps the directory from being marked.
func TestShorterThanTheMark(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	log := longLog(t, 15)
	shorter := log[:bytes.LastIndexByte(log[:len(log)/2], '\n')+1]
	const name = "log_tcp_complete.gz"
	writeLog(t, root, dirName, name, gzipped(t, log))
	run(t.Context(), t, root, to, nil)
	unreadable := filepath.Join(root, dirName, "log_udp_complete")
	if err := os.Symlink("nowhere", unreadable); err != nil {
		t.Fatal(err)
	}
	writeLog(t, root, dirName, name, gzipped(t, shorter))
	for i := range 3 {
		if _, n := run(t.Context(), t, root, to, nil); (n.Published.Load() > 0) != (i == 0) || n.Marked.Load() > 0 {
			t.Errorf("run %d: %d messages, %d marked", i, n.Published.Load(), n.Marked.Load())
		}
	}
	writeLog(t, root, dirName, name, gzipped(t, log))
	if err := os.Remove(unreadable); err != nil {
		t.Fatal(err)
	}
	if _, n := run(t.Context(), t, root, to, nil); n.Published.Load() > 0 || n.Marked.Load() != 1 {
		t.Errorf("whole again: %d messages, %d marked", n.Published.Load(), n.Marked.Load())
	}
}
