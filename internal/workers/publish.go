package workers

import (
	"context"
	"log/slog"
	"time"

	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// outgoing is a message on its way.
type outgoing struct {
	transport.Message
	log *logWork
	// after is the progress of the log once this message and all before it are
	// confirmed.
	after     progress
	confirmed bool // the mutex of the directory's ledger guards it
}

// newMessage returns an empty message of a log.
func (p *pipeline) newMessage(l *logWork) *outgoing {
	body := p.bodies.Get().(*[]byte)
	return &outgoing{log: l, Message: transport.Message{
		Body: (*body)[:0], Directory: l.dir.dir.Path(), Instance: p.instance(l.dir.dir.Root),
	}}
}

// publish runs one publisher: it sends one message after the other until there
// are no more. If the transport fails, publish has the run take no more work and
// returns; that ends healthy, and so the other publishers once their message has
// an outcome. The transport has made its own retries by then.
func (p *pipeline) publish(ctx, healthy context.Context, stop context.CancelCauseFunc) error {
	for m := range p.messages {
		if err := context.Cause(healthy); err != nil {
			p.recordOutcome(m, errStopped)
			return err
		}
		// Without a place for the directory's state nothing of it is sent.
		if p.Mark {
			if err := m.log.dir.begin(); err != nil {
				p.recordOutcome(m, err)
				continue
			}
		}
		failpoint.Hit("publishing")
		err := p.send(ctx, &m.Message)
		p.recordOutcome(m, err)
		if err != nil {
			p.Log.Debug("message_not_confirmed", "message", m.ID, "error", err)
			p.journal.note(err)
			stop(err)
			return err
		}
	}
	return nil
}

// send hands one message to the transport, in halves if it is too large.
func (p *pipeline) send(ctx context.Context, m *transport.Message) error {
	p.Counters.Published.Add(1)
	p.Counters.BodyBytes.Add(int64(len(m.Body)))
	began := time.Now()
	err := p.Transport.Send(ctx, m)
	p.Counters.Spend(report.Confirm, began)
	if err == nil {
		failpoint.Hit("confirmed")
		p.Counters.Confirmed.Add(1)
		if p.Log.Enabled(ctx, slog.LevelDebug) {
			p.Log.Debug("message_confirmed", "message", m.ID, "flows", m.Flows, "bytes", len(m.Body), "after", time.Since(began))
		}
		return nil
	}
	if transport.VerdictOf(err) == transport.TooLarge && m.Flows > 1 {
		p.Counters.Published.Add(-1)
		p.Log.Warn("message_split", "message", m.ID, "bytes", len(m.Body), "error", err)
		return p.sendHalves(ctx, m)
	}
	p.Counters.Failed.Add(1)
	return err
}

// sendHalves sends the halves of a message that is too large for the receiver.
func (p *pipeline) sendHalves(ctx context.Context, m *transport.Message) error {
	for i, half := range message.Halves(m.Body, m.Flows) {
		h := *m
		h.ID, h.Body, h.Flows = partID(m.ID, i+1), half.Body, half.Flows
		if err := p.send(ctx, &h); err != nil {
			return err
		}
	}
	return nil
}
