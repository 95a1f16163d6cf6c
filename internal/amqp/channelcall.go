package amqp

import (
	"context"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// channelCall calls f with an open channel and bounds the time that f takes. doing
// names the action of f in the error. An error of f closes the channel. A channelCall
// returns a wrapped error.
type channelCall func(doing string, f func(*amqp091.Channel) error) error

// withChannel calls f with a channel that it opens for the call and closes.
func withChannel(c *amqp091.Connection, f func(*amqp091.Channel) error) error {
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	if err := f(ch); err != nil {
		return err
	}
	return ch.Close()
}

// onNewChannel returns a channelCall that opens a channel for each call.
func (s *session) onNewChannel(ctx context.Context) channelCall {
	return func(doing string, f func(*amqp091.Channel) error) error {
		return s.within(ctx, doing, func() error { return withChannel(s.conn, f) })
	}
}

// call is a channelCall that opens a channel for each call. It aborts the connection if
// no answer comes in time.
func (c *checker) call(doing string, f func(*amqp091.Channel) error) error {
	watchdog := time.AfterFunc(c.o.ConnectionTimeout, func() { c.socket.abort(&noAnswer{c.o.ConnectionTimeout}) })
	defer watchdog.Stop()
	if err := withChannel(c.conn, f); err != nil {
		return c.o.wrap(c.host, doing, c.socket.cause(err))
	}
	return nil
}
