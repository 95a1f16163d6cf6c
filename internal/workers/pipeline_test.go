package workers_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

const dirName = "2026_11_23_10_00.out"

// longLog returns a TCP log of several blocks, with malformed rows, header lines between
// rows, and a last line that is cut.
func longLog(t *testing.T, seed uint64) []byte {
	t.Helper()
	g, err := loggen.New(loggen.Options{Seed: seed, Dirt: 0.05, Cut: true})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := g.TCP(&log, loggen.Bytes(600_000)); err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

// Ids, boundaries and bodies of messages, and the books, are those of the reference, for any
// number of workers.
func TestMessages(t *testing.T) {
	long := longLog(t, 1)
	logs := map[string][]byte{"2026_11_23_10_00.out/log_tcp_complete": long}
	for i, log := range reference.Corpus(reference.UDP, 8) {
		logs[fmt.Sprintf("2026_11_23_10_00/%d.out/log_udp_complete", i)] = log
	}
	for n := 1; n <= 4; n++ {
		root := t.TempDir()
		want := make(map[string]string)
		var books reference.Books
		for path, log := range logs {
			dir, name := filepath.Split(path)
			writeLog(t, root, dir, name, log)
			kind := reference.TCP
			if strings.Contains(name, "udp") {
				kind = reference.UDP
			}
			result, err := reference.Read(log, kind, reference.Settings{Sensor: "s"})
			if errors.Is(err, reference.ErrNoHeader) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			books.Rows += result.Books.Rows
			books.Malformed += result.Books.Malformed
			books.Incomplete += result.Books.Incomplete
			for _, m := range reference.Messages(result) {
				body, err := json.Marshal(m.Flows)
				if err != nil {
					t.Fatal(err)
				}
				want[m.ID("s/0/"+path, body)] = string(body)
			}
		}
		got := newArchive()
		_, counters := run(t.Context(), t, root, got, func(o *workers.Options) { o.Workers = n })
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if got.bodies[id] != want[id] {
				t.Fatalf("%d workers, message %s:\n got %.300s\nwant %.300s", n, id, got.bodies[id], want[id])
			}
		}
		if len(got.bodies) != len(want) {
			t.Errorf("%d workers: %d messages, want %d", n, len(got.bodies), len(want))
		}
		if int(counters.Rows.Load()) != books.Rows || int(counters.Malformed.Load()) != books.Malformed || int(counters.Incomplete.Load()) != books.Incomplete {
			t.Errorf("%d workers: rows %d malformed %d incomplete %d, want %+v", n,
				counters.Rows.Load(), counters.Malformed.Load(), counters.Incomplete.Load(), books)
		}
	}
}

// A log grows in steps that end anywhere, as Tstat's buffer makes it grow. Every flow
// arrives. For each step that cut a row which was sent all the same, at most two flows
// arrive in addition.
func TestGrowth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 4 {
		long := longLog(t, uint64(round))[:200_000]
		root := t.TempDir()
		to := newArchive()
		size := 0
		step := 4096
		if round%2 == 1 {
			step = 1 + random.IntN(40_000)
		}
		cutLines := 0
		for size < len(long) {
			size = min(size+step, len(long))
			writeGrown(t, root, long[:size])
			outcome, _ := run(t.Context(), t, root, to, nil)
			if outcome != (workers.Outcome{}) {
				t.Fatalf("round %d, size %d: %+v", round, size, outcome)
			}
			if r, err := reference.Read(long[:size], reference.TCP, reference.Settings{Sensor: "s"}); err == nil && r.Tail < int64(size) && r.Books.Incomplete == 0 {
				cutLines++
			}
		}
		result := readReference(t, long, reference.TCP, 0)
		want := wantFlows(t, result)
		got := to.flows(t)
		extra := 0
		for f, n := range want {
			if got[f] < n {
				t.Fatalf("round %d: %d times, want %d: %s", round, got[f], n, f)
			}
			extra += got[f] - n
		}
		for f, n := range got {
			if want[f] == 0 {
				extra += n
			}
		}
		if extra > 2*cutLines {
			t.Errorf("round %d: %d flows too many, %d cut lines were taken", round, extra, cutLines)
		}
		s := mark(t, root, dirName).Logs["log_tcp_complete"]
		if int(s.Rows) != result.Books.Rows || int(s.Malformed) != result.Books.Malformed || int(s.Flows) != len(result.Flows()) || s.Position != result.Tail {
			t.Errorf("round %d: mark %+v, want %+v, tail at %d, %d flows", round, s, result.Books, result.Tail, len(result.Flows()))
		}
	}
}

// writeGrown appends to the log what it lacks of content, as Tstat does.
func writeGrown(t *testing.T, root string, content []byte) {
	t.Helper()
	path := filepath.Join(root, dirName, "log_tcp_complete")
	st, err := os.Stat(path)
	if err != nil {
		writeLog(t, root, dirName, "log_tcp_complete", content)
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(content[st.Size():]); err != nil {
		t.Fatal(err)
	}
}

// A log whose ctime has changed, but not its content, is looked into once. The mark keeps
// its modification time, from which the culler counts the directory's age.
func TestTouched(t *testing.T) {
	root := t.TempDir()
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 11))
	to := newArchive()
	run(t.Context(), t, root, to, nil)
	marked := filepath.Join(root, dirName, ".processed")
	old := time.Now().Add(-50 * time.Hour).Truncate(time.Second)
	if err := os.Chtimes(marked, time.Time{}, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, dirName, "log_tcp_complete"), 0o640); err != nil {
		t.Fatal(err)
	}
	wantTime := func(newer bool) {
		t.Helper()
		info, err := os.Stat(marked)
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().After(old) != newer {
			t.Errorf("the mark is of %v, that of the first run is of %v", info.ModTime(), old)
		}
	}
	if _, n := run(t.Context(), t, root, to, nil); n.Marked.Load() != 1 || n.Rows.Load() != 0 {
		t.Errorf("%d marked, %d rows", n.Marked.Load(), n.Rows.Load())
	}
	wantTime(false)
	if _, n := run(t.Context(), t, root, to, nil); n.Directories.Load() != 0 {
		t.Error("the directory is looked into again")
	}
	writeLog(t, root, dirName, "log_udp_complete", nil)
	run(t.Context(), t, root, to, nil)
	wantTime(true)
}

// A row whose line was cut after the last column that flows use is sent once.
func TestCutRowSentOnce(t *testing.T) {
	log, err := os.ReadFile("../../testdata/corpus/level15/2026_11_22_20_26.out/log_tcp_complete")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	head := slices.Concat(lines[0], lines[1])
	last := lines[2]
	used := 0 // length of the row up to the last column that flows use, s_pkts_unfs
	for range 109 {
		used += bytes.IndexByte(last[used:], ' ') + 1
	}
	for cut := used - 4; cut < len(last); cut += 3 {
		root := t.TempDir()
		to := newArchive()
		for _, size := range []int{cut, min(cut+3, len(last)-1), len(last)} {
			writeGrown(t, root, slices.Concat(head, last[:size]))
			run(t.Context(), t, root, to, nil)
		}
		want := wantFlows(t, readReference(t, slices.Concat(head, last), reference.TCP, 0))
		got := to.flows(t)
		if cut >= used-1 {
			diff(t, got, want)
			continue
		}
		for f, n := range want {
			if got[f] < n {
				t.Fatalf("cut at %d: lost %s", cut, f)
			}
		}
	}
}

// The halves of a message have the flows of the message, in order.
func TestHalves(t *testing.T) {
	var flows []message.Flow
	for _, r := range readReference(t, longLog(t, 9), reference.TCP, 0).Rows[:3] {
		flows = append(flows, r.Flows...)
	}
	body, err := json.Marshal(flows[:5])
	if err != nil {
		t.Fatal(err)
	}
	var got []message.Flow
	for i, part := range message.Halves(body, 5) {
		var list []message.Flow
		if err := json.Unmarshal(part.Body, &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != part.Flows || part.Flows != 2+i {
			t.Errorf("part %d: %d flows, says %d", i, len(list), part.Flows)
		}
		got = append(got, list...)
	}
	if again, _ := json.Marshal(got); !bytes.Equal(again, body) {
		t.Errorf("parts are not the whole:\n%s\n%s", again, body)
	}
}

// Tstat, restarted within a minute, may write another log of the same length to the same
// path. Its message has an id of its own, so a consumer that drops repeated ids keeps it.
func TestSamePlaceOtherLog(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	lines := realLog(t, "level15", "log_udp_complete")
	first := []byte(lines[0] + lines[1])
	second := bytes.Clone(first)
	ip := bytes.IndexByte(second[len(lines[0]):], '.') + len(lines[0]) - 1
	second[ip] = '0' + (second[ip]-'0'+1)%10
	want := wantFlows(t, readReference(t, first, reference.UDP, 0))
	maps.Copy(want, wantFlows(t, readReference(t, second, reference.UDP, 0)))
	for _, log := range [][]byte{first, second} {
		if err := os.RemoveAll(filepath.Join(root, dirName)); err != nil {
			t.Fatal(err)
		}
		writeLog(t, root, dirName, "log_udp_complete", log)
		if outcome, _ := run(t.Context(), t, root, to, nil); outcome.TransportErr != nil {
			t.Fatal(outcome.TransportErr)
		}
	}
	diff(t, to.flows(t), want)
	if len(to.bodies) != 2 {
		t.Errorf("%d messages, want 2", len(to.bodies))
	}
}
