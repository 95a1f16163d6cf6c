package amqp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// A probe is a request with an error that the broker finds only after it has checked the
// permissions. So a refusal because of that error shows that the user has the permission,
// and the request changes nothing. The texts of these refusals are the same on RabbitMQ
// 3.10, 4.0 and 4.3.
var (
	expiresRefused = regexp.MustCompile(`^PRECONDITION_FAILED - invalid arg 'x-expires' for queue '`)
	userIDRefused  = regexp.MustCompile(`^PRECONDITION_FAILED - user_id property set to '`)
)

// mayDeclare checks whether the user may declare the queue, which does not exist: it
// declares the queue with an invalid argument.
func (c *checker) mayDeclare(ctx context.Context) {
	impossible := c.o.QueueOptions
	impossible.Arguments = map[string]any{}
	maps.Copy(impossible.Arguments, c.o.QueueOptions.Arguments)
	impossible.Arguments["x-expires"] = int64(-1)
	err := c.declareQueue(ctx, impossible)
	if hasReply(err, expiresRefused) {
		c.good("queue %q does not exist: it will be declared", c.o.Queue)
		return
	}
	if err == nil {
		err = fmt.Errorf("rabbitmq %s: queue %q was declared: the broker takes an x-expires of -1, which RabbitMQ refuses", c.host, c.o.Queue)
	}
	c.bad(err)
}

// mayPublish checks whether the user may publish, with a message that is never
// delivered. Its user_id is another user's, which the broker refuses after it has
// checked the permissions. A user tagged impersonator may use any user_id, so the
// message is published in a transaction that is rolled back.
func (c *checker) mayPublish(ctx context.Context) {
	err := c.onChannel(ctx, c.o.publishingTo(), c.o.probePublish)
	switch {
	case err == nil:
		c.note("user %q may publish in the name of others (it is tagged impersonator, or the broker does not check): nothing was delivered", c.o.Username)
	case hasReply(err, userIDRefused):
		c.good("user %q may publish to exchange %q with routing key %q", c.o.Username, c.o.Exchange, c.o.RoutingKey)
	default:
		c.bad(err)
	}
}

// probePublish publishes the message of mayPublish.
func (o *Options) probePublish(ch *amqp091.Channel) error {
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	err := ch.Tx()
	if err != nil {
		return err
	}
	m := amqp091.Publishing{UserId: "not-" + o.Username[:min(len(o.Username), 200)]}
	if err = ch.Publish(o.Exchange, o.RoutingKey, false, false, m); err == nil {
		err = ch.TxRollback()
	}
	if errors.Is(err, amqp091.ErrClosed) { // the refusal was faster than the rollback
		if e := <-closed; e != nil {
			return e
		}
	}
	return err
}

// queueAnswers checks whether the queue answers. A quorum queue without a majority is
// still found by a look-up, but confirms nothing. Getting a message from an empty queue
// needs the majority and changes nothing; it also needs permission to read.
func (c *checker) queueAnswers(ctx context.Context) {
	name := c.o.receivingQueue()
	if name == "" {
		return
	}
	q, err := c.lookUpQueue(ctx, name)
	if err != nil {
		if e, ok := errors.AsType[*amqp091.Error](err); !ok || !e.Server || c.conn.IsClosed() {
			c.bad(err) // the connection has ended since the other look-ups
		}
		return // c.queue or c.exchange has reported any other error
	}
	if q.Messages > 0 {
		c.note("queue %q holds messages, so it was not checked whether the queue answers", name)
		return
	}
	err = c.onChannel(ctx, fmt.Sprintf("ask queue %q for a message", name), func(ch *amqp091.Channel) error {
		m, ok, err := ch.Get(name, false)
		if err == nil && ok {
			err = m.Nack(false, true) // a message came after the look-up: put it back
		}
		return err
	})
	e, ok := errors.AsType[*amqp091.Error](err)
	switch {
	case err == nil:
		c.good("queue %q answers", name)
	case ok && e.Server && (e.Code == amqp091.AccessRefused || e.Code == amqp091.NotImplemented || e.Code == amqp091.ResourceLocked):
		c.note("it was not checked whether queue %q answers: the check asks for a message, which needs permission to read the queue: %s", name, causeText(err))
	default:
		c.bad(retryf("%w: a quorum queue has lost its majority, or the queue's node is away", err))
	}
}
