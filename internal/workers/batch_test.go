package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
)

// batchInput is a block for a batch: the number of flows of each row, and the length of a
// text in each flow.
type batchInput struct {
	rows     []uint8
	flowSize int
	detached bool
	open     bool // the last row has no newline in the log
}

// wantMessage is a message that a batch must make.
type wantMessage struct {
	from, to int64
	position int64 // up to which it confirms the log; with an open row, it may confirm less
	open     bool  // its last row has no newline in the log
	flows    []string
}

// batchRun gives blocks to the batch of a new log, and computes the messages that the batch
// must make. All blocks use one encodedBlock, as a run uses its encoded blocks again.
type batchRun struct {
	log    *logWork
	e      encodedBlock
	offset int64
	sent   int
	want   []wantMessage
	begun  wantMessage // the message that is not complete
}

func newBatchRun(t *testing.T, queue int) *batchRun {
	t.Helper()
	p := newPipeline(Options{Log: slog.New(slog.DiscardHandler), Counters: new(report.Counters)})
	p.messages = make(chan *outgoing, queue)
	d := newDirWork(p, openDirectory(t), 0, nil)
	t.Cleanup(d.close)
	l := &logWork{dir: d, log: logdir.Log{Name: "log_tcp_complete"}}
	d.addLog(l)
	return &batchRun{log: l}
}

// add gives the batch one block, and then overwrites the block.
func (r *batchRun) add(ctx context.Context, in batchInput, last bool) {
	e := &r.e
	e.reset()
	if in.detached {
		r.offset += 1000
		r.flush()
		r.begun.from = r.offset
	}
	e.base, e.detached, e.last = r.offset, in.detached, last
	for _, n := range in.rows {
		r.offset += 10
		if len(r.begun.flows)+int(n) > maxFlows {
			r.flush()
		}
		for range n {
			r.sent++
			text := fmt.Sprintf(`{"n":%d,"x":"%s"}`, r.sent, strings.Repeat("x", in.flowSize))
			e.flows = append(append(e.flows, ','), text...)
			r.begun.flows = append(r.begun.flows, text)
		}
		e.books.sent++
		e.rows = append(e.rows, sentRow{flows: n, flowsEnd: uint32(len(e.flows)), end: r.offset, books: e.books})
		r.begun.to, r.begun.position = r.offset, r.offset
	}
	if in.open {
		r.begun.open = true
		r.begun.position -= 10
		r.begun.to--
		r.offset--
	}
	e.after, e.position = r.offset, r.offset
	if last {
		r.flush()
	}
	r.log.batch.add(ctx, e)
	for i := range e.flows[:cap(e.flows)] {
		e.flows[:cap(e.flows)][i] = '!'
	}
}

func (r *batchRun) flush() {
	if len(r.begun.flows) > 0 {
		r.want = append(r.want, r.begun)
	}
	r.begun = wantMessage{from: r.begun.to, to: r.begun.to, position: r.begun.position}
}

// check compares a message with the n-th message that the batch must make.
func (r *batchRun) check(t *testing.T, n int, m *outgoing) {
	t.Helper()
	want := r.want[n]
	body := []byte("[" + strings.Join(want.flows, ",") + "]")
	if !bytes.Equal(m.Body, body) || m.Size != len(body) || m.Flows != len(want.flows) {
		t.Fatalf("message %d: %d flows, size %d, %.60q...%.60q, want %d flows, %.60q", n, m.Flows, m.Size, m.Body, m.Body[max(0, len(m.Body)-60):], len(want.flows), body)
	}
	if id := r.log.batch.ids.id(want.from, want.to, body); m.ID != id {
		t.Fatalf("message %d: id %s, want %s", n, m.ID, id)
	}
	if got := m.progress.position; got != want.position && !want.open || got > want.position {
		t.Fatalf("message %d: confirms up to %d, want %d", n, m.progress.position, want.position)
	}
}

// rowsOf returns count rows of n flows each.
func rowsOf(count int, n uint8) []uint8 { return slices.Repeat([]uint8{n}, count) }

// batchInputs returns blocks of random rows.
func batchInputs(random *rand.Rand) []batchInput {
	blocks := make([]batchInput, 1+random.IntN(12))
	for i := range blocks {
		b := &blocks[i]
		b.detached, b.flowSize = i > 0 && random.IntN(5) == 0, 1<<random.IntN(11)
		b.rows = make([]uint8, random.IntN(1<<random.IntN(9)))
		for j := range b.rows {
			b.rows[j] = uint8(1 + random.IntN(2))
		}
	}
	end := &blocks[len(blocks)-1]
	end.open = len(end.rows) > 0 && random.IntN(2) == 0
	return blocks
}

// Messages have all flows in order, wherever the blocks, and the messages in them, end.
func TestBatch(t *testing.T) {
	cases := map[string][]batchInput{
		"nothing":                      {{}},
		"one flow":                     {{rows: rowsOf(1, 1)}},
		"one flow in each message":     {{rows: rowsOf(1, 1)}, {rows: rowsOf(1, 1), detached: true}, {rows: rowsOf(1, 1), detached: true}},
		"messages end with blocks":     {{rows: rowsOf(50, 2)}, {rows: rowsOf(100, 2)}, {}, {rows: rowsOf(100, 1)}},
		"two flows after 99":           {{rows: slices.Concat(rowsOf(99, 1), rowsOf(2, 2), rowsOf(98, 1))}},
		"two after 99, in a new block": {{rows: rowsOf(99, 1)}, {rows: rowsOf(1, 2)}, {rows: rowsOf(97, 1)}, {rows: rowsOf(1, 2), open: true}},
		"one after 99, in a new block": {{rows: rowsOf(99, 1)}, {rows: rowsOf(150, 1)}},
		"begun in an earlier block":    {{rows: rowsOf(70, 2)}, {}, {rows: rowsOf(1, 1)}, {rows: rowsOf(200, 2)}, {rows: rowsOf(3, 1)}},
		"begun before a hole":          {{rows: rowsOf(70, 2)}, {detached: true}, {rows: rowsOf(70, 2), detached: true}, {rows: rowsOf(1, 2)}},
		"too large for the pool":       {{rows: rowsOf(130, 1), flowSize: 5000}, {rows: rowsOf(130, 2), flowSize: 5000}},
	}
	for seed := range uint64(100) {
		cases[fmt.Sprint("seed ", seed)] = batchInputs(rand.New(rand.NewPCG(seed, 5)))
	}
	for name, blocks := range cases {
		t.Run(name, func(t *testing.T) {
			r := newBatchRun(t, 1000)
			for i, b := range blocks {
				r.add(t.Context(), b, i == len(blocks)-1)
			}
			close(r.log.dir.p.messages)
			n := 0
			for m := range r.log.dir.p.messages {
				if n == len(r.want) {
					t.Fatalf("more than %d messages", n)
				}
				r.check(t, n, m)
				n++
			}
			if n != len(r.want) {
				t.Errorf("%d messages, want %d", n, len(r.want))
			}
		})
	}
}

// If the context ends while the queue of messages is full, the messages in the queue stay
// whole. The others are not sent, and the log is confirmed up to the first of them.
func TestBatchStopped(t *testing.T) {
	const queued = 3
	r := newBatchRun(t, queued)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.add(ctx, batchInput{rows: rowsOf(120, 2)}, false)
	r.add(ctx, batchInput{rows: rowsOf(120, 2)}, true)
	d := r.log.dir
	if len(r.want) != 5 || len(r.log.ledger.window) != len(r.want) || len(d.p.messages) != queued {
		t.Fatalf("%d messages in the ledger, %d in the queue, want %d and %d", len(r.log.ledger.window), len(d.p.messages), len(r.want), queued)
	}
	if !errors.Is(d.failure(), errStopped) || !d.unconfirmed() {
		t.Errorf("failure %v, want %v", d.failure(), errStopped)
	}
	lent := 0
	var messages []*outgoing
	for n := range queued {
		m := <-d.p.messages
		r.check(t, n, m)
		lent += cap(m.Body)
		messages = append(messages, m)
	}
	if got := d.p.bodies.lent(); got != lent {
		t.Errorf("%d bytes of bodies are in use, want the %d of the queue", got, lent)
	}
	for _, m := range messages {
		d.p.recordOutcome(m, nil)
	}
	if got, want := r.log.ledger.confirmed.position, r.want[queued-1].position; got != want || d.ledger.holds != 1 {
		t.Errorf("confirmed up to %d, %d holds, want %d and 1", got, d.ledger.holds, want)
	}
}
