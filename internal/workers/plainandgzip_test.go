package workers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/reference"
)

// log_x and a log_x.gz that differ are both sent once, also if log_x is deleted later.
func TestPlainBesideAnotherGzip(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	plain, other := longLog(t, 300), longLog(t, 301)
	writeLog(t, root, dirName, "log_tcp_complete", plain)
	writeLog(t, root, dirName, "log_tcp_complete.gz", gzipped(t, other))
	want := wantFlows(t, readReference(t, plain, reference.TCP, 0))
	for flow, n := range wantFlows(t, readReference(t, other, reference.TCP, 0)) {
		want[flow] += n
	}

	outcome, n := run(t.Context(), t, root, to, nil)
	if outcome.IOErrors != 0 || n.Marked.Load() != 1 || n.Logs.Load() != 2 {
		t.Errorf("%+v, %d marked, %d logs", outcome, n.Marked.Load(), n.Logs.Load())
	}
	diff(t, to.flows(t), want)
	apart := 0
	for id := range to.bodies {
		if strings.Contains(id, "/log_tcp_complete.gz@") {
			apart++
		}
	}
	if apart == 0 || apart == len(to.bodies) {
		t.Errorf("%d of %d message ids name the .gz", apart, len(to.bodies))
	}
	for _, gone := range []string{"", "log_tcp_complete"} {
		if gone != "" {
			if err := os.Remove(filepath.Join(root, dirName, gone)); err != nil {
				t.Fatal(err)
			}
		}
		if _, n := run(t.Context(), t, root, to, nil); n.Published.Load() != 0 {
			t.Errorf("without %q: %d messages again", gone, n.Published.Load())
		}
	}
}
