package workers_test

import (
	"strings"
	"testing"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// A round-trip time that Tstat computed as nan becomes null in the flow, and is counted.
func TestStatisticNotFinite(t *testing.T) {
	lines := realLog(t, "level15", "log_tcp_complete")
	lines[1] = named(t, lines[0], lines[1], "c_rtt_std", "-nan")
	log := []byte(strings.Join(lines, ""))
	root := t.TempDir()
	writeLog(t, root, dirName, "log_tcp_complete", log)
	to := newArchive()
	outcome, n := run(t.Context(), t, root, to, nil)
	if outcome != (workers.Outcome{}) || n.Malformed.Load() != 0 || n.NotFinite.Load() != 1 {
		t.Errorf("%+v, %d rows malformed, %d statistics not finite, want none and 1", outcome, n.Malformed.Load(), n.NotFinite.Load())
	}
	want := wantFlows(t, readReference(t, log, reference.TCP, 0))
	diff(t, to.flows(t), want)
	nulls := 0
	for flow := range want {
		nulls += strings.Count(flow, `"tcp_rtt_std":null`)
	}
	if nulls != 1 {
		t.Errorf("tcp_rtt_std is null in %d flows, want 1", nulls)
	}
}
