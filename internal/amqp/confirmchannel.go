package amqp

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// confirmChannel is a channel for publishing with confirmations, with the library's
// notifications of its end and of returned messages.
type confirmChannel struct {
	*amqp091.Channel
	connection *connection
	closed     <-chan *amqp091.Error
	returns    <-chan amqp091.Return
	roundTrip  time.Duration // that opening the channel took
}

// newChannel opens a channel. The caller puts it into confirm mode.
func (c *connection) newChannel() (*confirmChannel, error) {
	began := time.Now()
	ch, err := c.conn.Channel()
	if err != nil {
		return nil, err
	}
	return &confirmChannel{
		Channel:    ch,
		connection: c,
		roundTrip:  time.Since(began),
		closed:     ch.NotifyClose(make(chan *amqp091.Error, 1)),
		// Every message in flight may be returned at once: with this capacity the
		// library's reader never waits.
		returns: ch.NotifyReturn(make(chan amqp091.Return, c.o.window().max+1)),
	}, nil
}

// openChannel opens a channel in confirm mode. Its error is a *transport.Error.
func (c *connection) openChannel(ctx context.Context) (ch *confirmChannel, err error) {
	err = c.withTimeout(ctx, "open a channel", func() (err error) {
		if ch, err = c.newChannel(); err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return ch.failure(err)
		}
		return nil
	})
	return ch, err
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

// failure returns the reason why a call on the channel has failed with err: a
// *transport.Error or a *sizeRefused. The library reports the reason a moment later, when it has
// shut the channel down.
func (c *confirmChannel) failure(err error) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case e := <-c.closed:
		if e != nil {
			return c.closeError(e)
		}
	case <-t.C:
	}
	return c.connection.wrap(c.connection.o.publishingTo(), err)
}

// closeError returns the reason for the end of the channel as a *transport.Error or a
// *sizeRefused. e is the library's notification; nil if the library gave no reason.
func (c *confirmChannel) closeError(e *amqp091.Error) error {
	host, o := c.connection.host, c.connection.o
	if e == nil {
		e = amqp091.ErrClosed
	}
	if !e.Server {
		return c.connection.wrap(o.publishingTo(), e)
	}
	o.Log.Debug("channel_closed", "host", host, "code", e.Code, "error", e.Reason)
	if limit, ok := sizeLimit(e); ok {
		return &sizeRefused{limit, e}
	}
	return o.wrap(host, o.publishingTo(), e)
}
