package workers_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/reference"
)

// TestZerosFilled: a log whose data arrives in any order, zero bytes standing
// where it has not, is sent in the end, each row once, and is marked in every
// run.
func TestZerosFilled(t *testing.T) {
	full := longLog(t, 9)
	want := wantFlows(t, readTwin(t, full, reference.TCP, 0))
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		root, to := t.TempDir(), newArchive()
		log := make([]byte, len(full))
		// Pieces of a few bytes to some blocks; the last rounds bring what is missing.
		for round := range 8 {
			for range random.IntN(8) {
				from := random.IntN(len(full))
				n := 1 + random.IntN(1<<random.IntN(19))
				copy(log[from:], full[from:min(from+n, len(full))])
			}
			if round == 7 {
				copy(log, full)
			}
			writeLog(t, root, dirName, "log_tcp_complete", log)
			run(t.Context(), t, root, to, nil)
		}
		if _, n := run(t.Context(), t, root, to, nil); n.Rows.Load() != 0 {
			t.Errorf("seed %d: one more run read %d rows", seed, n.Rows.Load())
		}
		diff(t, to.flows(t), want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestManyHoles: the state stays bounded, and what stands behind one hole too
// many is sent when the log has changed.
func TestManyHoles(t *testing.T) {
	full := longLog(t, 9)
	lines := bytes.SplitAfter(full, []byte("\n"))
	log, holes := bytes.Clone(full), 0
	at := len(lines[0])
	for i, line := range lines[1:] {
		if i%2 == 1 && len(line) > 10 && line[0] != '#' {
			clear(log[at+5 : at+8])
			holes++
		}
		at += len(line)
	}
	if holes <= logdir.MaxHoles {
		t.Fatalf("only %d holes", holes)
	}
	root, to := t.TempDir(), newArchive()
	writeLog(t, root, dirName, "log_tcp_complete", log)
	run(t.Context(), t, root, to, nil)
	mark := filepath.Join(root, dirName, ".processed")
	if info, err := os.Stat(mark); err != nil || info.Size() > 64<<10 {
		t.Errorf("the mark: %v, %v", info, err)
	}
	writeLog(t, root, dirName, "log_tcp_complete", full)
	run(t.Context(), t, root, to, nil)
	diff(t, to.flows(t), wantFlows(t, readTwin(t, full, reference.TCP, 0)))
}
