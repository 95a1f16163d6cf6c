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

// A state file counts the statistics that are not finite in the whole log, however many runs
// read the log, and wherever a run finds the log's end.
func TestNotFiniteInStates(t *testing.T) {
	lines := realLog(t, "level15", "log_tcp_complete")
	for i := range lines[1:5] {
		lines[1+i] = named(t, lines[0], lines[1+i], "c_rtt_std", "-nan")
	}
	lines[2] = named(t, lines[0], lines[2], "s_rtt_std", "nan")
	log := strings.Join(lines, "")
	root := t.TempDir()
	var counted int64
	end := 0
	for i, line := range lines[:7] {
		// The log ends with the line without its newline, and then with the newline.
		for _, size := range []int{end + len(line) - 1, end + len(line)} {
			writeLog(t, root, dirName, "log_tcp_complete", []byte(log[:size]))
			_, n := run(t.Context(), t, root, newArchive(), nil)
			counted += n.NotFinite.Load()
			want := [...]int64{0, 1, 3, 4, 5, 5, 5}[i]
			if got := mark(t, root, dirName).Logs["log_tcp_complete"].NotFinite; got != want || counted != want {
				t.Errorf("after %d lines and %d bytes: %d in the mark, %d counted by the runs, want %d", i+1, size, got, counted, want)
			}
		}
		end += len(line)
	}
}
