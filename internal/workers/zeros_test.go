package workers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// withoutLaterHeaders returns a log without its header lines after the first line.
func withoutLaterHeaders(log []byte) (kept []byte) {
	for line := range bytes.Lines(log) {
		if len(kept) == 0 || line[0] != '#' {
			kept = append(kept, line...)
		}
	}
	return kept
}

// A log whose data arrives in any order after its header line, with zero bytes where data is
// missing, is sent in the end, each row once, also if runs are stopped.
func TestZerosFilled(t *testing.T) {
	full := withoutLaterHeaders(longLog(t, 9))
	header := bytes.IndexByte(full, '\n') + 1
	want := wantFlows(t, readReference(t, full, reference.TCP, 0))
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		root, to := t.TempDir(), newArchive()
		log := make([]byte, len(full))
		copy(log, full[:header])
		// A piece has between a byte and a block. The last round brings the rest.
		for round := range 8 {
			for range random.IntN(8) {
				from := random.IntN(len(full))
				n := 1 + random.IntN(1<<random.IntN(19))
				copy(log[from:], full[from:min(from+n, len(full))])
			}
			if round == 7 {
				if len(to.bodies) == 0 {
					t.Errorf("seed %d: nothing was sent before the last round", seed)
				}
				copy(log, full)
			}
			ctx, cancel := context.WithCancel(t.Context())
			before := random.IntN(10) // accepted messages before the stop
			to.refuse = func(string) error {
				if before--; before < 0 {
					cancel()
				}
				return nil
			}
			writeLog(t, root, dirName, "log_tcp_complete", log)
			run(ctx, t, root, to, nil)
			cancel()
		}
		to.refuse = nil
		run(t.Context(), t, root, to, nil)
		if _, n := run(t.Context(), t, root, to, nil); n.Rows.Load() != 0 {
			t.Errorf("seed %d: one more run read %d rows", seed, n.Rows.Load())
		}
		diff(t, to.flows(t), want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// With too many holes, the state stays bounded and the directory is not marked until the log
// has changed.
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
	for range 2 {
		if outcome, _ := run(t.Context(), t, root, to, nil); outcome.IOErrors != 1 {
			t.Errorf("%+v, want the log named", outcome)
		}
		if _, err := os.Stat(filepath.Join(root, dirName, ".processed")); !errors.Is(err, fs.ErrNotExist) {
			t.Error("marked, though rows stand behind the last hole:", err)
		}
		if info, err := os.Stat(filepath.Join(root, dirName, ".processing")); err != nil || info.Size() > 64<<10 {
			t.Errorf("the state: %v, %v", info, err)
		}
	}
	writeLog(t, root, dirName, "log_tcp_complete", full)
	run(t.Context(), t, root, to, nil)
	diff(t, to.flows(t), wantFlows(t, readReference(t, full, reference.TCP, 0)))
}

// Each history is the content of a log in one run after another. In the end each row is
// sent once.
func TestZeroHistories(t *testing.T) {
	full := longLog(t, 9)
	full = full[:bytes.LastIndexByte(full[:200<<10], '\n')+1]
	want := wantFlows(t, readReference(t, full, reference.TCP, 0))
	zeroed := func(from, to int) []byte {
		b := bytes.Clone(full)
		clear(b[from:to])
		return b
	}
	lineEnd := 100<<10 + bytes.IndexByte(full[100<<10:], '\n')
	rowStart := bytes.LastIndexByte(full[:lineEnd], '\n') + 1
	beforeRow := func(log []byte) []byte { // with zero bytes in the line before that row
		log = bytes.Clone(log)
		clear(log[rowStart-10 : rowStart-1])
		return log
	}
	atMost := make([]byte, 0, len(full))
	holes := 0
	for line := range bytes.SplitAfterSeq(full, []byte("\n")) {
		atMost = append(atMost, line...)
		if len(atMost) > 10<<10 && holes < logdir.MaxHoles && len(line) > 10 && line[0] != '#' && len(atMost)%2 == 0 {
			clear(atMost[len(atMost)-6 : len(atMost)-2])
			holes++
		}
	}
	for name, history := range map[string][][]byte{
		"after a row without newline that was sent": {full[:lineEnd], zeroed(lineEnd, lineEnd+4000), full},
		"after such a row, up to the end":           {full[:lineEnd], zeroed(lineEnd, len(full)), full},
		"before and after such a row":               {beforeRow(full[:lineEnd]), beforeRow(zeroed(lineEnd, lineEnd+4000)), full},
		"cut off again":                             {append(bytes.Clone(full), make([]byte, 5000)...), full},
		"many, looked at twice":                     {atMost, atMost, full},
	} {
		t.Run(name, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			for _, log := range history {
				writeLog(t, root, dirName, "log_tcp_complete", log)
				if outcome, _ := run(t.Context(), t, root, to, nil); outcome.IOErrors != 0 {
					t.Errorf("%+v", outcome)
				}
			}
			diff(t, to.flows(t), want)
		})
	}
}

// If zero bytes stand where the header line of rows belongs, the log is named and the
// directory is not marked. A log that another program than its writer has truncated looks
// like this too (fluent/fluent-bit#3117).
func TestZerosHideTheHeader(t *testing.T) {
	const name = "log_tcp_complete"
	full := longLog(t, 9)
	full = full[:bytes.LastIndexByte(full[:200<<10], '\n')+1]
	want := wantFlows(t, readReference(t, full, reference.TCP, 0))
	zeros := make([]byte, len(full))
	for what, hidden := range map[string][]byte{
		"all of it":          slices.Concat(zeros[:8192], full[8192:]),
		"a part":             slices.Concat(full[:200], zeros[200:1200], full[1200:]),
		"many blocks before": slices.Concat(make([]byte, 1<<20), full[8192:]),
	} {
		t.Run(what, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			step := func(log []byte, errs int) (mark []byte) {
				t.Helper()
				writeLog(t, root, dirName, name, log)
				if outcome, _ := run(t.Context(), t, root, to, nil); outcome.IOErrors != errs {
					t.Errorf("%+v, want %d errors", outcome, errs)
				}
				mark, _ = os.ReadFile(filepath.Join(root, dirName, ".processed"))
				return mark
			}
			if mark := step(hidden, 1); mark != nil {
				t.Errorf("marked, though rows are not sent: %s", mark)
			}
			step(zeros, 0)
			before := step(full, 0)
			diff(t, to.flows(t), want)
			if mark := step(hidden, 1); !bytes.Equal(mark, before) {
				t.Errorf("marked anew, though rows are not sent: %s", mark)
			}
		})
	}
}

// A row was sent without newline, and then zero bytes follow it. The state still records the
// row, also if many blocks of another log are read before the state is written.
func TestZeroTailBesideALongLog(t *testing.T) {
	const name = "log_udp_complete"
	short := []byte(strings.Join(realLog(t, "level15", name), ""))
	lineEnd := 10<<10 + bytes.IndexByte(short[10<<10:], '\n')
	root, to := t.TempDir(), newArchive()
	oneWorker := func(o *workers.Options) { o.Workers = 1 }
	writeLog(t, root, dirName, name, short[:lineEnd])
	run(t.Context(), t, root, to, oneWorker)
	tail := mark(t, root, dirName).Logs[name].Tail
	if tail == nil || tail.Flows == 0 {
		t.Fatalf("the row without newline was not sent: %+v", tail)
	}
	clear(short[lineEnd:])
	writeLog(t, root, dirName, name, short)
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 9))
	run(t.Context(), t, root, to, oneWorker)
	if got := mark(t, root, dirName).Logs[name].Tail; got == nil || *got != *tail {
		t.Errorf("the row without newline is remembered as %+v, want %+v", got, tail)
	}
}

// The rows that appear in a hole, and the rows after the position of the state, are in
// different messages, each with the byte range of its rows.
func TestMessagesOfAHole(t *testing.T) {
	const name = "log_udp_complete"
	lines := realLog(t, "level15", name)[:5]
	at := make([]int, 1, 6) // where each line begins
	for _, line := range lines {
		at = append(at, at[len(at)-1]+len(line))
	}
	full := []byte(strings.Join(lines, ""))
	log := bytes.Clone(full[:at[4]])
	clear(log[at[2] : at[3]-1])
	root := t.TempDir()
	writeLog(t, root, dirName, name, log)
	run(t.Context(), t, root, newArchive(), nil)
	writeLog(t, root, dirName, name, full)
	to := newArchive()
	run(t.Context(), t, root, to, nil)
	for _, want := range []string{fmt.Sprintf("@%d-%d~", at[2], at[3]), fmt.Sprintf("@%d-%d~", at[4], at[5])} {
		if ids := slices.Collect(maps.Keys(to.bodies)); len(ids) != 2 || !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(id, want) }) {
			t.Errorf("messages %q, want two, one of them %s", ids, want)
		}
	}
}

// If a log that ends with zero bytes is touched, its mark gets a new time, although nothing
// new was read: data may just have begun to arrive.
func TestTouchedWithZeros(t *testing.T) {
	root := t.TempDir()
	writeLog(t, root, dirName, "log_tcp_complete", append(longLog(t, 11), make([]byte, 100)...))
	run(t.Context(), t, root, newArchive(), nil)
	marked := filepath.Join(root, dirName, ".processed")
	old := time.Now().Add(-50 * time.Hour)
	if err := errors.Join(os.Chtimes(marked, time.Time{}, old), os.Chmod(filepath.Join(root, dirName, "log_tcp_complete"), 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, n := run(t.Context(), t, root, newArchive(), nil); n.Marked.Load() != 1 || n.Published.Load() > 0 {
		t.Errorf("%d marked, %d messages", n.Marked.Load(), n.Published.Load())
	}
	if info, err := os.Stat(marked); err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("the mark has its old time, %v: %v", old, err)
	}
}
