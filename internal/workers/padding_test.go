package workers_test

import (
	"bytes"
	"testing"

	"tstat-transport/internal/test/reference"
)

// Zero bytes after a gzip member may be a second member that has not arrived yet. The mark
// records them, and the member is sent when it arrives.
func TestPaddedGzip(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	log := longLog(t, 14)
	cut := bytes.LastIndexByte(log[:len(log)/2], '\n') + 1
	first, second := gzipped(t, log[:cut]), gzipped(t, log[cut:])
	const name = "log_tcp_complete"
	writeLog(t, root, dirName, name+".gz", append(bytes.Clone(first), make([]byte, len(second))...))
	if outcome, _ := run(t.Context(), t, root, to, nil); outcome.IOErrors != 0 {
		t.Errorf("%+v", outcome)
	}
	if s := mark(t, root, dirName).Logs[name]; !s.HasZeros() || s.Position != int64(cut) {
		t.Errorf("zeros %v, position %d, want %d", s.HasZeros(), s.Position, cut)
	}
	writeLog(t, root, dirName, name+".gz", append(bytes.Clone(first), second...))
	run(t.Context(), t, root, to, nil)
	diff(t, to.flows(t), wantFlows(t, readReference(t, log, reference.TCP, 0)))
	if s := mark(t, root, dirName).Logs[name]; s.HasZeros() || s.End != int64(len(log)) {
		t.Errorf("filled: zeros %v, end %d, want %d", s.HasZeros(), s.End, len(log))
	}
}
