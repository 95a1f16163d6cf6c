package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// channelPublisher publishes messages on one channel and handles their
// confirmations. Its fields belong to the goroutine that calls run.
type channelPublisher struct {
	p       *Publisher
	session *session
	ch      *confirmChannel

	window      window
	inFlight    inFlight
	delayed     []*request // nacked or returned, waiting for the next attempt; count against the window
	nacksInARow int        // nacks since the last confirmation on ch
	queueCheck  queueCheck
	unpacked    []byte // the body that was unpacked last; its array is used again
}

// staleAfter is the number of nacks in a row after which a channel is replaced.
// A RabbitMQ channel that once found a quorum queue without a leader goes on
// refusing after the queue has a leader again (seen on 3.10).
const staleAfter = 3

var errStale = errors.New("the channel is replaced")

func newChannelPublisher(s *session, ch *confirmChannel) *channelPublisher {
	w := s.o.window()
	w.start(ch.roundTrip)
	return &channelPublisher{p: s.p, session: s, ch: ch, window: w, inFlight: newInFlight(w.max), queueCheck: queueCheck{session: s}}
}

// run publishes on ch, and on the channels that replace it, until the connection or the
// publisher ends. It returns the reason; nil if something else has ended the publisher.
func (c *channelPublisher) run() error {
	for {
		err := c.serve()
		if errors.Is(err, errStale) { // nothing is in flight
			_ = c.session.withTimeout(c.p.ctx, "close a channel", c.ch.Close) // if the connection has ended, replaceChannel returns that error
			err = c.replaceChannel()
		} else if refused, ok := errors.AsType[*sizeRefused](err); ok { // only the channel has ended
			c.p.sizeLimit.Store(int64(refused.limit))
			c.requeueUnconfirmed(c.p.o.wrap(c.session.host, c.p.o.publishingTo(), refused.err))
			err = c.replaceChannel()
		}
		switch {
		case c.p.ctx.Err() != nil:
			return nil // every Send ends with this context, too
		case err == nil:
			continue
		case transport.VerdictOf(err) != transport.Retry:
			c.p.failAll(err)
			return err
		}
		c.session.abort(err)
		c.requeueUnconfirmed(err)
		return err
	}
}

// replaceChannel opens a new channel in place of ch. Its error is a *transport.Error.
func (c *channelPublisher) replaceChannel() error {
	ch, err := c.session.openChannel(c.p.ctx)
	if err != nil {
		return err
	}
	c.ch, c.nacksInARow = ch, 0
	return nil
}

// serve publishes and takes confirmations until the channel or the publisher
// ends. Its error is a *transport.Error, a *sizeRefused, or errStale.
func (c *channelPublisher) serve() error {
	tick := time.NewTicker(c.tickInterval())
	defer tick.Stop()
	for {
		if err := c.takeConfirmations(); err != nil {
			return err
		}
		if c.stale() && c.inFlight.n == 0 {
			return errStale
		}
		blocked, changed := c.session.blocked.state()
		if !blocked {
			if r := c.nextRetry(); r != nil {
				if err := c.publish(r); err != nil {
					return err
				}
				continue
			}
		}
		var requests <-chan *request
		var ready <-chan struct{}
		if !blocked && c.room() {
			requests, ready = c.p.requests, c.p.backlog.ready
		}
		var err error
		select {
		case r := <-requests:
			err = c.publish(r)
		case <-ready:
			if r := c.popBacklog(); r != nil {
				err = c.publish(r)
			}
		case <-c.inFlight.frontDone():
		case <-changed:
		case <-tick.C: // a delayed message may be due, too
			err = c.overdue()
		case e := <-c.ch.closed:
			err = c.ch.closeError(e)
		case <-c.p.ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *channelPublisher) room() bool {
	return !c.stale() && c.window.room(c.inFlight.n+len(c.delayed))
}

func (c *channelPublisher) stale() bool { return c.nacksInARow >= staleAfter }

// publish writes r, or gives r up if r is too large. After an error r counts as in flight
// too, since the broker may have received it.
func (c *channelPublisher) publish(r *request) error {
	if c.p.giveUpTooLarge(r) {
		return nil
	}
	u := unconfirmed{r: r, sent: time.Now(), unblocked: c.session.blocked.unblockedTime()}
	r.body.mu.Lock()
	if r.body.takenBack {
		r.body.mu.Unlock()
		c.p.resends.end(r)
		return nil
	}
	r.body.session.Store(c.session)
	if r.attempts++; r.attempts == 1 && r.taken != nil {
		r.taken()
	}
	body, encoding := r.body.bytes, r.encoding
	if encoding == transport.Packed {
		c.unpacked = transport.Unpack(c.unpacked, body)
		body, encoding = c.unpacked, ""
	}
	var err error
	u.confirmation, err = c.ch.PublishWithDeferredConfirm(c.p.o.Exchange, c.p.o.RoutingKey, true, false, amqp091.Publishing{
		ContentType:     "application/json",
		ContentEncoding: encoding,
		DeliveryMode:    c.p.o.DeliveryMode,
		MessageId:       r.id,
		Body:            body,
	})
	r.body.mu.Unlock()
	c.inFlight.push(u)
	counters := &c.p.counters
	counters.Published.Add(1)
	if r.attempts > 1 {
		counters.Resent.Add(1)
	}
	if err != nil {
		return c.ch.failure(err)
	}
	return nil
}

// takeConfirmations handles the confirmations received so far, in the order of
// publishing. Its error is a *transport.Error or a *sizeRefused.
func (c *channelPublisher) takeConfirmations() error {
	for u := c.inFlight.front(); u != nil; u = c.inFlight.front() {
		select {
		case <-u.confirmation.Done():
		default:
			return nil
		}
		c.drainReturns() // a return precedes its confirmation
		r := u.r
		switch {
		case u.returned != "":
			c.p.resends.end(r)
			err := c.queueCheck.returnError(r.id, u.returned)
			if err.Verdict != transport.Retry {
				return err
			}
			c.inFlight.pop()
			c.delay(r, err)
		case u.confirmation.Acked():
			c.confirmed(u)
			c.inFlight.pop()
		case c.ch.IsClosed(): // neither confirmed nor refused
			return c.ch.failure(amqp091.ErrClosed)
		default:
			c.inFlight.pop()
			c.nacked(r)
		}
	}
	return nil
}

// confirmed answers the Send of a message that the broker has confirmed.
func (c *channelPublisher) confirmed(u *unconfirmed) {
	now := time.Now()
	c.p.counters.Confirmed.Add(1)
	c.p.counters.ObserveLatency(now.Sub(u.sent))
	c.window.confirmed(now.Sub(u.sent))
	c.p.resends.confirmed(u.r)
	c.p.lastConfirmed.Store(int64(now.Sub(c.p.opened)))
	if !c.session.confirmed.Swap(true) {
		c.p.confirmedHosts.Store(c.session.host, true)
	}
	c.nacksInARow = 0
	u.r.done <- nil
}

// nacked handles the broker's refusal of r. If r has no further attempt, nacked looks up
// the queue to find the cause.
func (c *channelPublisher) nacked(r *request) {
	c.p.counters.Nacked.Add(1)
	c.nacksInARow++
	c.window.refused()
	c.p.resends.refused(r, time.Now(), c.p.backoff)
	c.p.o.Log.Debug("message_nacked", "host", c.session.host, "message", r.id, "attempt", r.attempts)
	c.delay(r, c.queueCheck.nackError(!c.p.mayRetry(r)))
}

// drainReturns records the returns received so far in their messages.
func (c *channelPublisher) drainReturns() {
	for r, ok := c.ch.nextReturn(); ok; r, ok = c.ch.nextReturn() {
		c.p.counters.Returned.Add(1)
		c.p.o.Log.Debug("message_returned", "host", c.session.host, "message", r.MessageId, "code", r.ReplyCode, "error", r.ReplyText)
		for i := range c.inFlight.n {
			if u := c.inFlight.at(i); u.r.id == r.MessageId {
				u.returned = fmt.Sprintf("%s (%d)", r.ReplyText, r.ReplyCode)
			}
		}
	}
}

// tickInterval is how often serve looks for an overdue confirmation and for delayed
// messages that are due: a fraction of ConfirmTimeout and Backoff, from 5 to 250 ms.
func (c *channelPublisher) tickInterval() time.Duration {
	return min(max(min(c.p.o.ConfirmTimeout/8, c.p.o.Backoff/2), 5*time.Millisecond), 250*time.Millisecond)
}

// overdue returns an error if the oldest message has waited for its confirmation for
// ConfirmTimeout, not counting the time in which the broker blocked the connection. It
// also returns an error if RetryTimeout, blocked or not, has passed since the first
// failure of the message and no message was confirmed in that time. An attempt that began
// shortly before still gets a tenth of RetryTimeout for its confirmation.
func (c *channelPublisher) overdue() error {
	u := c.inFlight.front()
	if u == nil {
		return nil
	}
	switch waited := c.session.blocked.unblockedTime() - u.unblocked; {
	case waited >= c.p.o.ConfirmTimeout:
		return retryf("rabbitmq %s: message %s was not confirmed within %v: the queue may have lost its majority, or the broker is overloaded",
			c.session.host, u.r.id, c.p.o.ConfirmTimeout)
	case !u.r.firstFailed.IsZero() && time.Since(u.r.firstFailed) >= c.p.o.RetryTimeout &&
		time.Since(u.sent) >= c.p.o.RetryTimeout/10 && !c.p.confirmedSince(u.r.firstFailed):
		return retryf("rabbitmq %s: message %s was not confirmed within %v of its first failure, and neither was any other message",
			c.session.host, u.r.id, c.p.o.RetryTimeout)
	}
	return nil
}

// requeueUnconfirmed empties inFlight and delayed when the channel is gone: it answers
// the Sends of confirmed messages, and requeues all others.
func (c *channelPublisher) requeueUnconfirmed(cause error) {
	// The library is shutting the channel down: it confirms or gives up each
	// message.
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for u := c.inFlight.front(); u != nil; u = c.inFlight.front() {
		if u.confirmation != nil {
			select {
			case <-u.confirmation.Done():
			case <-ctx.Done():
			}
		}
		c.drainReturns()
		if u.returned == "" && u.confirmation != nil && u.confirmation.Acked() {
			c.confirmed(u)
		} else {
			c.requeue(u.r, cause)
		}
		c.inFlight.pop()
	}
	for _, r := range c.delayed {
		c.p.backlog.push(r)
	}
	c.delayed = nil
}

// requeue puts r into the backlog after its channel has ended, or gives r up.
func (c *channelPublisher) requeue(r *request, cause error) {
	c.p.resends.end(r)
	if !c.p.giveUpTooLarge(r) && c.p.retryOrGiveUp(r, cause) {
		c.p.backlog.push(r)
	}
}
