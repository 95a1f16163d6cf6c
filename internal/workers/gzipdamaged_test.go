package workers_test

import (
	"bytes"
	"testing"

	"tstat-transport/internal/test/reference"
)

// A .gz that is damaged before the position of the mark holds no row that was not sent. The
// log is named in every run and is not sent from its start.
func TestDamagedAfterTheMark(t *testing.T) {
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
