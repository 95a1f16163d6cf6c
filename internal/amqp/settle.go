package amqp

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// flight is a message that is published and not settled.
type flight struct {
	r        *request
	confirm  *amqp.DeferredConfirmation // nil if publishing failed
	sent     time.Time
	returned string // the broker's reason; empty if not returned
}

// flights is a ring of as many flights as the window allows, oldest first.
type flights struct {
	ring    []flight
	head, n int
}

func newFlights(window int) flights { return flights{ring: make([]flight, window)} }

func (fs *flights) at(i int) *flight { return &fs.ring[(fs.head+i)%len(fs.ring)] }

func (fs *flights) push(f flight) {
	if fs.n == len(fs.ring) {
		panic("BUG: more flights than the window allows")
	}
	fs.n++
	*fs.at(fs.n - 1) = f
}

// front returns the oldest flight, or nil. It is valid until pop.
func (fs *flights) front() *flight {
	if fs.n == 0 {
		return nil
	}
	return fs.at(0)
}

func (fs *flights) pop() {
	*fs.at(0) = flight{}
	fs.head = (fs.head + 1) % len(fs.ring)
	fs.n--
}

// settled is closed when the oldest flight is confirmed or refused. Younger
// ones that overtake it wait for it, or for its timeout.
func (fs *flights) settled() <-chan struct{} {
	if fs.n == 0 {
		return nil
	}
	return fs.at(0).confirm.Done()
}

// settle takes in the confirmations that have come. Its error is explained, or
// a *tooLarge.
func (o *owner) settle() error {
	for f := o.flights.front(); f != nil; f = o.flights.front() {
		select {
		case <-f.confirm.Done():
		default:
			return nil
		}
		o.drainReturns() // a return comes before its confirmation
		switch {
		case f.returned != "":
			return o.unroutable(f)
		case f.confirm.Acked():
			o.confirm(f)
			o.flights.pop()
		case o.ch.IsClosed(): // neither confirmed nor refused
			return o.lost(amqp.ErrClosed)
		default:
			r := f.r
			o.flights.pop()
			o.nacked(r)
		}
	}
	return nil
}

// confirm answers the Send of a message that is safe with the broker.
func (o *owner) confirm(f *flight) {
	now := time.Now()
	o.p.counters.confirmed.Add(1)
	o.p.counters.observe(now.Sub(f.sent))
	o.p.lastConfirmed.Store(now.UnixNano())
	if !o.l.confirmed.Swap(true) {
		o.p.holders.Store(o.l.host, true)
	}
	o.nacks = 0
	f.r.done <- nil
}

// nacked puts r aside for its next try, if it has one.
func (o *owner) nacked(r *request) {
	o.p.counters.nacked.Add(1)
	o.nacks++
	o.p.o.Log.Debug("nack", "host", o.l.host, "message", r.id, "attempt", r.attempts)
	err := retryf("rabbitmq %s: the broker refused it (nack): the queue %q may be full", o.l.host, o.p.o.Queue)
	if o.p.failed(r, err) {
		r.due = time.Now().Add(o.p.backoff(r.attempts))
		o.resting = append(o.resting, r)
	}
}

// drainReturns marks the flights that the broker has returned so far.
func (o *owner) drainReturns() {
	for {
		select {
		case r, ok := <-o.returns:
			if !ok {
				o.returns = nil
				return
			}
			o.p.counters.returned.Add(1)
			o.p.o.Log.Debug("return", "host", o.l.host, "message", r.MessageId, "code", r.ReplyCode, "reason", r.ReplyText)
			for i := range o.flights.n {
				if f := o.flights.at(i); f.r.id == r.MessageId {
					f.returned = fmt.Sprintf("%s (%d)", r.ReplyText, r.ReplyCode)
				}
			}
		default:
			return
		}
	}
}

// unroutable is the error of a message that reaches no queue. Every other goes
// the same way.
func (o *owner) unroutable(f *flight) error {
	return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf(
		"rabbitmq %s: %s: message %s was returned as unroutable: %s: create the queue or bind it to the exchange, or correct routing_key and exchange in the configuration",
		o.l.host, o.route(), f.r.id, f.returned)}
}

// sweep settles what is left when the channel is gone: the confirmed is
// confirmed, a message of more than limit bytes (0: none) is refused, and all
// others go to the backlog.
func (o *owner) sweep(cause error, limit int) {
	// The library confirms or gives up each flight when it shuts down, which is
	// under way.
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for f := o.flights.front(); f != nil; f = o.flights.front() {
		r := f.r
		if f.confirm != nil {
			select {
			case <-f.confirm.Done():
			case <-ctx.Done():
			}
		}
		o.drainReturns()
		switch {
		case f.returned != "":
			o.p.fail(o.unroutable(f))
		case f.confirm != nil && f.confirm.Acked():
			o.confirm(f)
		case limit > 0 && r.size > limit:
			r.done <- o.p.tooLarge(r.id, r.size, limit)
		case limit > 0: // another's fault
			r.attempts--
			o.p.backlog.push(r)
		case o.p.failed(r, cause):
			o.p.backlog.push(r)
		}
		o.flights.pop()
	}
	for _, r := range o.resting {
		o.p.backlog.push(r)
	}
	o.resting = nil
}

// failed books that r failed for cause, and says whether it may be tried again.
// If not, it has been answered. If nothing at all was confirmed since r first
// failed, waiting longer makes no sense for any message.
func (p *Publisher) failed(r *request, cause error) (again bool) {
	now := time.Now()
	if r.firstFailed.IsZero() {
		r.firstFailed = now
	}
	if r.attempts < p.o.RetryLimit && now.Sub(r.firstFailed) < p.o.RetryTimeout {
		return true
	}
	err := retryf("rabbitmq: message %s was given up after %d attempts: %w", r.id, r.attempts, cause)
	if p.lastConfirmed.Load() < r.firstFailed.UnixNano() {
		p.fail(err)
	}
	r.done <- err
	return false
}
