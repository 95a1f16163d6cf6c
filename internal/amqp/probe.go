package amqp

import (
	"errors"
	"fmt"
	"maps"
	"regexp"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The replies to requests that the broker cannot fulfil: they show that nothing
// else is in the way. The forms are the same on RabbitMQ 3.10, 4.0 and 4.3.
var (
	expiresRefused = regexp.MustCompile(`^PRECONDITION_FAILED - invalid arg 'x-expires' for queue '`)
	userIDRefused  = regexp.MustCompile(`^PRECONDITION_FAILED - user_id property set to '`)
)

// declaring asks whether the user may declare the queue, which does not exist,
// by declaring the queue with an argument that cannot be.
func (c *checker) declaring() {
	impossible := c.o.withArguments(map[string]any{"x-expires": int64(-1)})
	err := c.within(c.o.declaringQueue(),
		func() error { return impossible.declareQueue(c.conn) })
	if e, ok := errors.AsType[*amqp.Error](err); ok && expiresRefused.MatchString(e.Reason) {
		c.good("queue %q does not exist: it will be declared", c.o.Queue)
		return
	}
	if err == nil {
		err = fmt.Errorf("rabbitmq %s: queue %q was declared: the broker takes an x-expires of -1, which RabbitMQ refuses", c.host, c.o.Queue)
	}
	c.bad(err)
}

// withArguments returns a copy of o with more arguments for the queue.
func (o *Options) withArguments(more map[string]any) *Options {
	changed := *o
	changed.QueueOptions.Arguments = maps.Clone(o.QueueOptions.Arguments)
	if changed.QueueOptions.Arguments == nil {
		changed.QueueOptions.Arguments = map[string]any{}
	}
	maps.Copy(changed.QueueOptions.Arguments, more)
	return &changed
}

// publishing asks whether the user may publish, by a message that is never
// delivered: its user_id is somebody else's, which the broker checks after the
// permissions, and it is published in a transaction that is rolled back, since
// users tagged impersonator may use any user_id.
func (c *checker) publishing() {
	err := c.within(c.o.publishingTo(), func() error { return onChannel(c.conn, c.o.publishInVain) })
	e, ok := errors.AsType[*amqp.Error](err)
	switch {
	case err == nil:
		c.note("user %q may publish in the name of others (it is tagged impersonator, or the broker does not check): nothing was delivered", c.o.Username)
	case ok && userIDRefused.MatchString(e.Reason):
		c.good("user %q may publish to exchange %q with routing key %q", c.o.Username, c.o.Exchange, c.o.RoutingKey)
	default:
		c.bad(err)
	}
}

func (o *Options) publishInVain(ch *amqp.Channel) error {
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	err := ch.Tx()
	if err != nil {
		return err
	}
	m := amqp.Publishing{UserId: "not-" + o.Username[:min(len(o.Username), 200)]}
	if err = ch.Publish(o.Exchange, o.RoutingKey, false, false, m); err == nil {
		err = ch.TxRollback()
	}
	if errors.Is(err, amqp.ErrClosed) { // the refusal was faster than the rollback
		if e := <-closed; e != nil {
			return e
		}
	}
	return err
}

// confirming asks the queue itself for an answer. A quorum queue that has lost
// its majority is found by a look-up as if nothing were wrong, and confirms
// nothing. The one question that its members must agree on, and that changes
// nothing, is for a message of an empty queue; it needs permission to read.
func (c *checker) confirming() {
	name := c.o.Queue
	if c.o.Exchange == "" {
		name = c.o.RoutingKey
	}
	if name == "" {
		return
	}
	q, err := c.o.lookUp(c.conn, name, c.within)
	if err != nil {
		return // in the findings already
	}
	if q.Messages > 0 {
		c.note("queue %q was not asked whether it answers: it holds messages", name)
		return
	}
	err = c.within(fmt.Sprintf("ask queue %q for a message", name), func() error {
		return onChannel(c.conn, func(ch *amqp.Channel) error {
			m, ok, err := ch.Get(name, false)
			if err == nil && ok {
				err = m.Nack(false, true) // it came a moment ago
			}
			return err
		})
	})
	e, ok := errors.AsType[*amqp.Error](err)
	switch {
	case err == nil:
		c.good("queue %q answers", name)
	case ok && e.Server && (e.Code == amqp.AccessRefused || e.Code == amqp.NotImplemented || e.Code == amqp.ResourceLocked):
		c.note("queue %q was not asked whether it answers, as a quorum queue without its majority does not: that needs permission to read the queue", name)
	default:
		c.bad(retryf("%w: a quorum queue has lost its majority, or the queue's node is away", err))
	}
}
