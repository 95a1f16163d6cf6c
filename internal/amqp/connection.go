package amqp

import (
	"context"
	"errors"
	"sync/atomic"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// connection is a connection to host on which the user has logged in: what a Publisher's
// session and Check's checker have in common.
type connection struct {
	o      *Options
	host   string
	conn   *amqp091.Connection
	stream *libraryConn // what conn reads and writes
	socket *deadlineConn
	// closedBy is the broker's reason for closing the connection. session.watch sets it.
	closedBy atomic.Pointer[amqp091.Error]
}

// abort ends the connection at once.
func (c *connection) abort(cause error) { c.socket.abort(cause) }

// withTimeout calls f; doing is the action of f, for errors. The library's calls in f have
// no time limit: withTimeout aborts the connection after ConnectionTimeout, or when ctx
// ends. Its error is a *transport.Error.
func (c *connection) withTimeout(ctx context.Context, doing string, f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.ConnectionTimeout, &noAnswer{c.o.ConnectionTimeout})
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	err := f()
	if !stop() && err != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return c.wrap(doing, err)
	}
	return nil
}

// onChannel is withTimeout with a channel that it opens for f and closes. The broker
// closes the channel when it refuses what f asks for.
func (c *connection) onChannel(ctx context.Context, doing string, f func(*amqp091.Channel) error) error {
	return c.withTimeout(ctx, doing, func() error {
		ch, err := c.conn.Channel()
		if err != nil {
			return err
		}
		if err := f(ch); err != nil {
			return err
		}
		return ch.Close()
	})
}

// wrap returns err as a *transport.Error. doing names the action that failed. If the
// connection has ended, err is only a consequence: wrap replaces it by the broker's
// reason for the end, or by the cause for which the socket was aborted.
func (c *connection) wrap(doing string, err error) *transport.Error {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*amqp091.Error](err); !ok || !e.Server {
		err = c.socket.causeOr(err)
		if e := c.closedBy.Load(); e != nil {
			err = e
		}
	}
	return c.o.wrap(c.host, doing, err)
}
