package workers

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// outgoing is a message on its way.
type outgoing struct {
	transport.Message
	log *logWork
	// progress is how far the log is confirmed once this message and all messages before
	// it are.
	progress  progress
	confirmed bool // guarded by the mutex of the directory's ledger
}

const (
	// maxBytesInFlight bounds the memory of the messages in flight. 24 MiB fill a
	// round trip of 100 ms at 250 MB/s.
	maxBytesInFlight = 24 << 20
	// packAbove is the number of bytes of bodies above which messages are packed. With a
	// broker nearby, the bodies mostly have fewer bytes: 224 messages of 60 kB on average
	// (128 on the channels, 64 that wait for a channel, and 32 in the queue before them).
	// Packing would then only cost processor time.
	packAbove = 14 << 20
	// perMessage is the memory in bytes of a message in flight without its body,
	// mostly the stack of its publisher.
	perMessage = 8 << 10
)

// newMessage returns an empty message of a log.
func (p *pipeline) newMessage(l *logWork) *outgoing {
	return &outgoing{log: l, Message: transport.Message{
		Directory: l.dir.disk.Path(), Instance: p.instance(l.dir.disk.Root),
	}}
}

// startPublishers starts a publisher for each message, until messages is closed. While
// Options.Publishers publishers run, maxBytesInFlight leaves no room for a message, or
// Options.Untaken messages wait for the transport to take them, startPublishers waits, and
// the stages before it wait too. If a publisher fails, stop.healthy ends and
// startPublishers returns.
func (p *pipeline) startPublishers(stop stops, publishers *errgroup.Group) error {
	room := semaphore.NewWeighted(maxBytesInFlight)
	untaken := semaphore.NewWeighted(int64(cmp.Or(p.Untaken, p.Publishers)))
	for m := range p.messages {
		size := min(int64(cap(m.Body)+perMessage), maxBytesInFlight)
		if room.Acquire(stop.healthy, size) != nil || untaken.Acquire(stop.healthy, 1) != nil {
			p.recordOutcome(m, errStopped)
			return context.Cause(stop.healthy)
		}
		m.Taken = sync.OnceFunc(func() { untaken.Release(1) })
		publishers.Go(func() error {
			defer room.Release(size)
			defer m.Taken()
			return p.publish(stop, m)
		})
	}
	return nil
}

// publish runs one publisher, which sends one message. If the transport fails, after
// its own retries, publish stops the run and returns the error.
func (p *pipeline) publish(stop stops, m *outgoing) error {
	if err := context.Cause(stop.healthy); err != nil {
		p.recordOutcome(m, errStopped)
		return err
	}
	// No message of a directory is sent if the directory's state cannot be written.
	if p.Mark {
		if err := m.log.dir.begin(); err != nil {
			p.recordOutcome(m, err)
			return nil
		}
	}
	failpoint.Hit("publishing")
	err := p.send(stop.hard, &m.Message)
	p.recordOutcome(m, err)
	if err != nil {
		p.Log.Debug("message_not_confirmed", "message", m.ID, "error", err)
		p.journal.note(err)
		stop.trigger()
	}
	return err
}

// send hands one message to the transport, in halves if it is too large.
func (p *pipeline) send(ctx context.Context, m *transport.Message) error {
	p.Counters.Published.Add(1)
	p.Counters.BodyBytes.Add(int64(m.Size))
	began := time.Now()
	err := p.Transport.Send(ctx, m)
	p.Counters.Spend(report.Confirm, began)
	if err == nil {
		failpoint.Hit("confirmed")
		p.Counters.Confirmed.Add(1)
		if p.Log.Enabled(ctx, slog.LevelDebug) {
			p.Log.Debug("message_confirmed", "message", m.ID, "flows", m.Flows, "bytes", m.SentSize(), "after", time.Since(began))
		}
		return nil
	}
	if transport.VerdictOf(err) == transport.TooLarge && m.Flows > 1 {
		p.Counters.Published.Add(-1) // send counts each half
		p.Counters.BodyBytes.Add(-int64(m.Size))
		p.Log.Warn("message_split", "message", m.ID, "bytes", m.SentSize(), "error", err)
		return p.sendHalves(ctx, m)
	}
	p.Counters.Failed.Add(1)
	return err
}

// sendHalves sends the halves of a message that is too large for the receiver.
func (p *pipeline) sendHalves(ctx context.Context, m *transport.Message) error {
	list, err := transport.Decompress(m)
	if err != nil {
		return err
	}
	for i, half := range message.Halves(list, m.Flows) {
		h := *m
		h.ID, h.Body, h.Size, h.Flows = halfID(m.ID, i+1), half.Body, len(half.Body), half.Flows
		if p.Compressor != nil {
			h.Body = p.Compressor.Append(nil, half.Body)
		} else {
			h.Encoding = ""
		}
		if err := p.send(ctx, &h); err != nil {
			return err
		}
	}
	return nil
}
