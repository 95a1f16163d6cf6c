package amqp

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// lost returns the reason why a call on the channel has failed with err. The library
// reports the reason a moment later, when it has shut the channel down.
func (c *channelPublisher) lost(err error) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case e := <-c.closed:
		if e != nil {
			return c.closedBy(e)
		}
	case <-t.C:
	}
	return c.session.wrap(c.route(), err)
}

// closedBy returns the reason for the end of the channel; e is nil if the
// library gave none.
func (c *channelPublisher) closedBy(e *amqp.Error) error {
	if e == nil {
		return c.session.wrap(c.route(), amqp.ErrClosed)
	}
	if !e.Server {
		return c.session.wrap(c.route(), e)
	}
	c.p.o.Log.Debug("channel_closed", "host", c.session.host, "code", e.Code, "error", e.Reason)
	if limit, ok := sizeLimit(e); ok {
		return &tooLarge{limit, e}
	}
	return c.p.o.wrap(c.session.host, c.route(), e)
}

func (c *channelPublisher) route() string { return c.p.o.publishingTo() }

func (o *Options) publishingTo() string {
	return fmt.Sprintf("publish to exchange %q with routing key %q in vhost %q", o.Exchange, o.RoutingKey, o.VHost)
}

// overdue returns an error if the oldest message has waited too long for its
// confirmation. Time in which the broker has blocked the connection does not count. A
// message that failed before is overdue when RetryTimeout has passed since its first
// failure and no message was confirmed in that time.
func (c *channelPublisher) overdue() error {
	u := c.inFlight.front()
	if u == nil {
		return nil
	}
	switch waited := c.session.flow.clock() - u.clock; {
	case waited >= c.p.o.ConfirmTimeout:
		return retryf("rabbitmq %s: message %s was not confirmed within %v: the queue may have lost its majority, or the broker is overloaded",
			c.session.host, u.r.id, c.p.o.ConfirmTimeout)
	case waited > 0 && !u.r.firstFailed.IsZero() && time.Since(u.r.firstFailed) >= c.p.o.RetryTimeout &&
		c.p.lastConfirmed.Load() < u.r.firstFailed.UnixNano():
		return retryf("rabbitmq %s: message %s was not confirmed within %v of its first failure, and neither was any other message",
			c.session.host, u.r.id, c.p.o.RetryTimeout)
	}
	return nil
}
