package amqp

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// confirmChannel is a channel in confirm mode, with the library's notifications of its
// end and of returned messages.
type confirmChannel struct {
	*amqp091.Channel
	session *session
	closed  <-chan *amqp091.Error
	returns <-chan amqp091.Return
}

// openConfirmChannel takes ch, which is in confirm mode, or opens such a channel if ch is
// nil. Up to capacity messages may be in flight on the channel. It returns a wrapped error.
func (s *session) openConfirmChannel(ctx context.Context, ch *amqp091.Channel, capacity int) (c *confirmChannel, err error) {
	err = s.within(ctx, "open a channel", func() (err error) {
		inConfirmMode := ch != nil
		if ch == nil {
			ch, err = s.newChannel()
		}
		if err != nil {
			return err
		}
		c = &confirmChannel{
			Channel: ch,
			session: s,
			closed:  ch.NotifyClose(make(chan *amqp091.Error, 1)),
			// Every message in flight may be returned at once: with this capacity the
			// library's reader never waits.
			returns: ch.NotifyReturn(make(chan amqp091.Return, capacity+1)),
		}
		if inConfirmMode {
			return nil
		}
		if err := ch.Confirm(false); err != nil {
			return c.cause(err)
		}
		return nil
	})
	return c, err
}

// nextReturn returns the next returned message; ok is false if the library has reported
// none.
func (c *confirmChannel) nextReturn() (r amqp091.Return, ok bool) {
	select {
	case r, ok = <-c.returns:
		if !ok {
			c.returns = nil
		}
	default:
	}
	return r, ok
}

// cause returns the reason why a call on the channel has failed with err: a wrapped
// error or a *tooLarge. The library reports the reason a moment later, when it has shut
// the channel down.
func (c *confirmChannel) cause(err error) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case e := <-c.closed:
		if e != nil {
			return c.closeError(e)
		}
	case <-t.C:
	}
	return c.session.wrap(c.session.p.o.publishingTo(), err)
}

// closeError returns the reason for the end of the channel as a wrapped error or a
// *tooLarge. e is the library's notification; nil if the library gave no reason.
func (c *confirmChannel) closeError(e *amqp091.Error) error {
	s, o := c.session, c.session.p.o
	if e == nil {
		return s.wrap(o.publishingTo(), amqp091.ErrClosed)
	}
	if !e.Server {
		return s.wrap(o.publishingTo(), e)
	}
	o.Log.Debug("channel_closed", "host", s.host, "code", e.Code, "error", e.Reason)
	if limit, ok := sizeLimit(e); ok {
		return &tooLarge{limit, e}
	}
	return o.wrap(s.host, o.publishingTo(), e)
}
