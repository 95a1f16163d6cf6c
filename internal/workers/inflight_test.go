package workers_test

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tstat-transport/internal/report"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

// unpacking is a transport that decompresses messages, and refuses those with more than
// maxFlows flows as too large.
type unpacking struct {
	*archive
	t        *testing.T
	encoding string
	maxFlows int
}

func (u *unpacking) Send(ctx context.Context, m *transport.Message) error {
	if m.Encoding != u.encoding {
		u.t.Errorf("message %s is %q, want %q", m.ID, m.Encoding, u.encoding)
	}
	if m.Flows > u.maxFlows {
		return &transport.Error{Verdict: transport.TooLarge, Err: context.DeadlineExceeded}
	}
	list, err := transport.Decompress(m)
	if err != nil {
		return err
	}
	if m.Size != len(list) {
		u.t.Errorf("message %s has %d bytes, says %d", m.ID, len(list), m.Size)
	}
	plain := *m
	plain.Body = list
	return u.archive.Send(ctx, &plain)
}

// Compressed messages have the same ids and content as uncompressed messages, also if they
// are split.
func TestCompressedMessages(t *testing.T) {
	root := t.TempDir()
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 3))
	for _, most := range []int{100, 30} {
		var want map[string]string
		for _, encoding := range []string{"", "gzip", "zstd"} {
			c, err := transport.NewCompressor(encoding)
			if err != nil {
				t.Fatal(err)
			}
			to := &unpacking{newArchive(), t, encoding, most}
			outcome, counters := run(t.Context(), t, root, to, func(o *workers.Options) {
				o.Mark = false
				if encoding != "" {
					o.Compressor = c
				}
			})
			if outcome.TransportErr != nil || len(to.bodies) == 0 {
				t.Fatalf("%d messages: %v", len(to.bodies), outcome.TransportErr)
			}
			if want == nil {
				want = to.bodies
			}
			if !maps.Equal(to.bodies, want) {
				t.Errorf("%s: %d messages, not those that are sent without compression", encoding, len(to.bodies))
			}
			var accepted int64
			for _, body := range to.bodies {
				accepted += int64(len(body))
			}
			if n := counters.BodyBytes.Load(); n != accepted {
				t.Errorf("%q, %d flows: %d bytes of bodies are counted, want %d", encoding, most, n, accepted)
			}
		}
	}
}

// holding is a transport that accepts nothing until full returns true, and then everything,
// a moment later. It records the most bytes and calls that were in Send at a time.
type holding struct {
	full             func(bytes, calls int64) bool
	once             sync.Once
	release          chan struct{}
	bytes, mostBytes atomic.Int64
	calls, mostCalls atomic.Int64
}

func (h *holding) Send(ctx context.Context, m *transport.Message) error {
	size := int64(len(m.Body))
	bytes, calls := h.bytes.Add(size), h.calls.Add(1)
	if h.full(bytes, calls) {
		const more = 200 * time.Millisecond // time for a call above the bound
		h.once.Do(func() { time.AfterFunc(more, func() { close(h.release) }) })
	}
	for most := h.mostBytes.Load(); bytes > most && !h.mostBytes.CompareAndSwap(most, bytes); {
		most = h.mostBytes.Load()
	}
	for most := h.mostCalls.Load(); calls > most && !h.mostCalls.CompareAndSwap(most, calls); {
		most = h.mostCalls.Load()
	}
	defer h.calls.Add(-1)
	defer h.bytes.Add(-size)
	select {
	case <-h.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *holding) Close(context.Context) error { return nil }

// hold runs the pipeline over root with a holding transport.
func hold(t *testing.T, root string, publishers int, full func(bytes, calls int64) bool) (*holding, *report.Counters) {
	t.Helper()
	to := &holding{release: make(chan struct{}), full: full}
	outcome, counters := run(t.Context(), t, root, to, func(o *workers.Options) { o.Mark, o.Publishers = false, publishers })
	if outcome.TransportErr != nil {
		t.Fatal(outcome.TransportErr)
	}
	return to, counters
}

// A transport that accepts nothing for a while gets at most 24 MiB of messages, with any
// number of publishers, and gets all messages in the end.
func TestBytesInFlight(t *testing.T) {
	root := t.TempDir()
	g, err := loggen.New(loggen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	books, err := g.Tree(root, 1, 16e6) // 50 MB of messages
	if err != nil {
		t.Fatal(err)
	}
	const most = 24 << 20
	to, counters := hold(t, root, 4096, func(bytes, _ int64) bool { return bytes > most/2 })
	if to.mostBytes.Load() > most || counters.BodyBytes.Load() < 3*most/2 {
		t.Errorf("%d bytes in flight, of %d in all, want about %d", to.mostBytes.Load(), counters.BodyBytes.Load(), most)
	}
	if counters.Rows.Load() != books.Rows {
		t.Errorf("%d rows, want %d", counters.Rows.Load(), books.Rows)
	}
	if to, _ := hold(t, root, 5, func(_, calls int64) bool { return calls == 5 }); to.mostCalls.Load() != 5 {
		t.Errorf("%d calls of Send at a time, want 5", to.mostCalls.Load())
	}
}
