package amqp

import (
	"context"
	"errors"
	"fmt"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// ensureTopology makes sure that the queue and the exchange exist. It declares only a
// queue that does not exist, and leaves the options of an existing queue alone. If
// hasConfirmed is set and a queue that lasts (or a passive queue, of which the options say
// nothing) does not exist, the queue was deleted with messages of this run: ensureTopology
// returns that error and does not declare the queue. Every error is a *transport.Error.
func (c *connection) ensureTopology(ctx context.Context, hasConfirmed bool) error {
	o := c.o
	if o.Queue != "" {
		_, err := c.lookUpQueue(ctx, o.Queue)
		if missing(err) && hasConfirmed && (o.QueueOptions.lasts() || o.QueueOptions.Passive) {
			return o.destinationLost(fmt.Sprintf("rabbitmq %s: %s", c.host, o.namedQueue(o.Queue)), err)
		}
		if missing(err) && !o.QueueOptions.Passive {
			err = c.declareQueue(ctx, o.QueueOptions)
		}
		if err != nil {
			return err
		}
	}
	if o.Exchange == "" {
		return nil
	}
	return c.lookUpExchange(ctx)
}

// lookUpQueue looks up a queue without changing anything. A queue that is exclusive to
// another connection counts as existing. While the node of a classic queue is away,
// RabbitMQ 3.10 answers with an error, and RabbitMQ 4 does not answer.
func (c *connection) lookUpQueue(ctx context.Context, name string) (q amqp091.Queue, err error) {
	err = c.onChannel(ctx, c.o.lookingUpQueue(name), func(ch *amqp091.Channel) error {
		q, err = ch.QueueDeclarePassive(name, false, false, false, false, nil)
		return err
	})
	if e, ok := errors.AsType[*amqp091.Error](err); ok && e.Code == amqp091.ResourceLocked {
		return q, nil
	}
	return q, queueMayBeAway(err)
}

// queueMayBeAway returns err, an error of looking up a queue, with a likely cause if
// the broker has not answered.
func queueMayBeAway(err error) error {
	if _, ok := errors.AsType[*noAnswer](err); ok {
		return retryf("%w: the node that holds the queue may be away", err)
	}
	return err
}

// lookUpAndConfirm looks up the queue and the exchange, and puts ch into confirm mode, in
// one round trip. The broker handles the methods of a channel in order. It does not
// answer the look-ups (no-wait). If it does not find the queue or the exchange, it closes
// the channel in place of an answer to confirm.select.
func (o *Options) lookUpAndConfirm(ch *amqp091.Channel) error {
	if o.Queue != "" {
		if _, err := ch.QueueDeclarePassive(o.Queue, false, false, false, true, nil); err != nil {
			return err
		}
	}
	if o.Exchange != "" {
		if err := ch.ExchangeDeclarePassive(o.Exchange, amqp091.ExchangeDirect, false, false, false, true, nil); err != nil {
			return err
		}
	}
	return ch.Confirm(false)
}

func (c *connection) declareQueue(ctx context.Context, q QueueOptions) error {
	return c.onChannel(ctx, "declare "+c.o.namedQueue(c.o.Queue), func(ch *amqp091.Channel) error {
		arguments, err := q.table()
		if err != nil {
			return err
		}
		_, err = ch.QueueDeclare(c.o.Queue, q.Durable, q.AutoDelete, q.Exclusive, false, arguments)
		return err
	})
}

func (c *connection) lookUpExchange(ctx context.Context) error {
	return c.onChannel(ctx, c.o.lookingUpExchange(), func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclarePassive(c.o.Exchange, amqp091.ExchangeDirect, false, false, false, false, nil)
	})
}

// The names of actions, for errors.

func (o *Options) namedQueue(name string) string {
	return fmt.Sprintf("queue %q in vhost %q", name, o.VHost)
}

func (o *Options) lookingUpQueue(name string) string { return "look up " + o.namedQueue(name) }

func (o *Options) lookingUpExchange() string {
	return fmt.Sprintf("look up exchange %q in vhost %q", o.Exchange, o.VHost)
}

func (o *Options) publishingTo() string {
	return fmt.Sprintf("publish to exchange %q with routing key %q in vhost %q", o.Exchange, o.RoutingKey, o.VHost)
}

// receivingQueue returns the name of the queue that messages go to, as far as the options
// tell; empty if they name no queue.
func (o *Options) receivingQueue() string {
	if o.Exchange == "" {
		return o.RoutingKey
	}
	return o.Queue
}

// lasts reports whether a queue with these options outlives connections and a restart of
// the broker.
func (q QueueOptions) lasts() bool { return q.Durable && !q.AutoDelete && !q.Exclusive }

// missing reports whether err is the broker's statement that a queue or an
// exchange does not exist. The reply has the same code (404) if the queue's
// node is away.
func missing(err error) bool {
	e, ok := errors.AsType[*amqp091.Error](err)
	return ok && e.Server && e.Code == amqp091.NotFound && !hasReply(err, queueAway)
}
