package amqp

import (
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// owner publishes on one channel, alone, and settles what it has published.
type owner struct {
	p       *Publisher
	l       *link
	ch      *amqp.Channel
	closed  <-chan *amqp.Error
	returns <-chan amqp.Return

	flights flights    // published and not settled, in the order of publishing
	resting []*request // nacked, waiting for their next try; count against the window
	nacks   int        // since the last confirmation on this channel
}

// staleAfter is the number of nacks in a row after which a channel is given up
// for a new one. A RabbitMQ channel that once found a quorum queue without a
// leader goes on refusing when there has long been one again (seen on 3.10).
const staleAfter = 3

var errStale = errors.New("the channel is given up for a new one")

func newOwner(p *Publisher, l *link) *owner {
	return &owner{p: p, l: l, flights: newFlights(p.o.Window)}
}

// run works on one channel after another until the connection or the publisher
// ends. It returns the reason, nil if it is the publisher's.
func (o *owner) run() error {
	for {
		err := o.open()
		if err == nil {
			err = o.serve()
		}
		if o.p.ctx.Err() != nil {
			return nil // Send has returned to all callers
		}
		if errors.Is(err, errStale) { // nothing is in flight
			_ = o.l.within(o.p.ctx, o.ch.Close) // open finds out if the connection is gone
			continue
		}
		if large, ok := errors.AsType[*tooLarge](err); ok { // only the channel is gone
			o.p.sizeLimit.Store(int64(large.limit))
			o.sweep(err, large.limit)
			continue
		}
		if transport.VerdictOf(err) != transport.Retry {
			o.p.fail(err)
			return err
		}
		o.l.abort(err)
		o.sweep(err, 0)
		return err
	}
}

// open opens a channel in confirm mode. Its error is explained.
func (o *owner) open() error {
	return o.l.within(o.p.ctx, func() error {
		ch, err := o.l.conn.Channel()
		if err != nil {
			return o.l.why(err)
		}
		o.ch, o.nacks = ch, 0
		o.closed = ch.NotifyClose(make(chan *amqp.Error, 1))
		// A return for every flight fits: the library's reader never waits.
		o.returns = ch.NotifyReturn(make(chan amqp.Return, o.p.o.Window+1))
		if err := ch.Confirm(false); err != nil {
			return o.lost(err)
		}
		return nil
	})
}

// serve publishes and settles until the channel or the publisher ends. Its
// error is explained, or a *tooLarge.
func (o *owner) serve() error {
	tick := time.NewTicker(o.tick())
	defer tick.Stop()
	for {
		if err := o.settle(); err != nil {
			return err
		}
		if o.stale() && o.flights.n == 0 {
			return errStale
		}
		blocked, unblockedAt, changed := o.l.flow()
		if !blocked {
			if r := o.next(); r != nil {
				if err := o.publish(r); err != nil {
					return err
				}
				continue
			}
		}
		var requests <-chan *request
		var ready <-chan struct{}
		if !blocked && o.room() {
			requests, ready = o.p.requests, o.p.backlog.ready
		}
		var err error
		select {
		case r := <-requests:
			err = o.publish(r)
		case <-ready:
			if r := o.p.backlog.pop(); r != nil {
				err = o.publish(r)
			}
		case <-o.flights.settled():
		case <-changed:
		case <-tick.C:
			if !blocked {
				err = o.overdue(unblockedAt)
			}
		case e := <-o.closed:
			err = o.closedBy(e)
		case <-o.p.ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// tick is how often an owner looks at the clock.
func (o *owner) tick() time.Duration {
	return min(max(min(o.p.o.ConfirmTimeout/8, o.p.o.Backoff/2), 5*time.Millisecond), 250*time.Millisecond)
}

func (o *owner) room() bool { return !o.stale() && o.flights.n+len(o.resting) < o.p.o.Window }

func (o *owner) stale() bool { return o.nacks >= staleAfter }

// next returns a request that has been tried before and whose time has come,
// or nil.
func (o *owner) next() *request {
	if len(o.resting) > 0 && !o.stale() {
		now := time.Now()
		for i, r := range o.resting {
			if !now.Before(r.due) {
				o.resting = append(o.resting[:i], o.resting[i+1:]...)
				return r
			}
		}
	}
	if !o.room() {
		return nil
	}
	return o.p.backlog.pop()
}

// publish writes r. After an error it is among the flights all the same: its
// bytes may have arrived.
func (o *owner) publish(r *request) error {
	f := flight{r: r, sent: time.Now()}
	r.mu.Lock()
	if r.abandoned {
		r.mu.Unlock()
		return nil
	}
	r.link.Store(o.l)
	r.attempts++
	var err error
	f.confirm, err = o.ch.PublishWithDeferredConfirm(o.p.o.Exchange, o.p.o.RoutingKey, true, false, amqp.Publishing{
		ContentType:     "application/json",
		ContentEncoding: o.p.compressor.Name(),
		DeliveryMode:    o.p.o.DeliveryMode,
		MessageId:       r.id,
		Body:            r.body,
	})
	r.mu.Unlock()
	o.flights.push(f)
	c := &o.p.counters
	c.published.Add(1)
	c.bytes.Add(uint64(r.size))
	if r.attempts > 1 {
		c.resent.Add(1)
	}
	if err != nil {
		return o.lost(err)
	}
	return nil
}

// lost gives the reason for err, which came up when using the channel. The
// library has it a moment later, when it has shut the channel down.
func (o *owner) lost(err error) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case e := <-o.closed:
		if e != nil {
			return o.closedBy(e)
		}
	case <-t.C:
	}
	return o.l.why(err)
}

// closedBy explains the end of the channel; e is nil if it came without reason.
func (o *owner) closedBy(e *amqp.Error) error {
	if e == nil {
		return o.l.why(amqp.ErrClosed)
	}
	if !e.Server {
		return o.l.why(e)
	}
	o.p.o.Log.Debug("channel closed", "host", o.l.host, "code", e.Code, "reason", e.Reason)
	if limit, ok := sizeLimit(e); ok {
		return &tooLarge{limit, e}
	}
	return o.p.o.explain(o.l.host, o.route(), e)
}

func (o *owner) route() string {
	return fmt.Sprintf("publish to exchange %q with routing key %q in vhost %q", o.p.o.Exchange, o.p.o.RoutingKey, o.p.o.VHost)
}

// overdue is the error of a confirmation that did not come in time. While
// publishing was blocked the clock stood still.
func (o *owner) overdue(unblockedAt time.Time) error {
	f := o.flights.front()
	if f == nil {
		return nil
	}
	since := f.sent
	if unblockedAt.After(since) {
		since = unblockedAt
	}
	if time.Since(since) < o.p.o.ConfirmTimeout {
		return nil
	}
	return retryf("rabbitmq %s: message %s was not confirmed within %v: the queue may have lost its majority, or the broker is overloaded",
		o.l.host, f.r.id, o.p.o.ConfirmTimeout)
}
