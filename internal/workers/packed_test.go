package workers_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

// distant is a transport whose first answer comes when the messages in flight have
// roundTrip bytes of JSON. It refuses messages of more than 30 flows as too large.
type distant struct {
	*archive
	roundTrip int

	mu       sync.Mutex
	sent     int            // bytes of JSON
	encoding map[string]int // messages by encoding
	tooLarge map[string]int // sizes by message id
	arrived  chan struct{}  // closed at the first answer
}

func (d *distant) Send(ctx context.Context, m *transport.Message) error {
	d.mu.Lock()
	if d.sent < d.roundTrip && d.sent+m.Size >= d.roundTrip {
		close(d.arrived)
	}
	d.sent += m.Size
	d.encoding[m.Encoding]++
	d.mu.Unlock()
	select {
	case <-d.arrived:
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.Flows > 30 {
		d.mu.Lock()
		d.tooLarge[m.ID] = m.Size
		d.mu.Unlock()
		return &transport.Error{Verdict: transport.TooLarge, Err: context.DeadlineExceeded}
	}
	list, err := transport.Decompress(m)
	if err != nil {
		return err
	}
	plain := *m
	plain.Body = list
	return d.archive.Send(ctx, &plain)
}

// TestPackedMessages: with packing, more JSON is in flight than the 24 MiB that may
// occupy memory. Packed messages arrive whole, also if they are split, and the log
// tells their true sizes.
func TestPackedMessages(t *testing.T) {
	root := t.TempDir()
	g, err := loggen.New(loggen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Tree(root, 1, 16e6); err != nil { // 50 MB of messages
		t.Fatal(err)
	}
	sendAll := func(pack bool, roundTrip int) *distant {
		to := &distant{archive: newArchive(), roundTrip: roundTrip, encoding: make(map[string]int), tooLarge: make(map[string]int), arrived: make(chan struct{})}
		var log bytes.Buffer
		outcome, _ := run(t.Context(), t, root, to, func(o *workers.Options) {
			o.Mark, o.Publishers, o.Pack, o.Log = false, 4096, pack, slog.New(slog.NewTextHandler(&log, nil))
		})
		if outcome.TransportErr != nil {
			t.Fatal(outcome.TransportErr)
		}
		for id, size := range to.tooLarge {
			if want := fmt.Sprintf("msg=message_split message=%s bytes=%d ", id, size); !strings.Contains(log.String(), want) {
				t.Fatalf("log lacks %q", want)
			}
		}
		return to
	}
	near, far := sendAll(false, 1), sendAll(true, 28<<20)
	if far.encoding[transport.Packed] == 0 || far.encoding[""] == 0 {
		t.Errorf("messages by encoding: %v, want packed ones and others", far.encoding)
	}
	if near.encoding[transport.Packed] > 0 {
		t.Errorf("messages by encoding: %v, want none packed", near.encoding)
	}
	if !maps.Equal(near.bodies, far.bodies) {
		t.Errorf("%d messages, not the %d that are sent without packing", len(far.bodies), len(near.bodies))
	}
}
