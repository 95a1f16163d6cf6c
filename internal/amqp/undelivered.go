package amqp

import (
	"errors"
	"fmt"
	"time"

	"tstat-transport/internal/transport"
)

// unroutable returns the error of a message that the broker has returned. The broker
// also returns messages while the node of a classic queue is away. So unroutable looks
// up the queue before it blames the configuration.
func (c *channelPublisher) unroutable(r *request, returned string) *transport.Error {
	text := fmt.Sprintf("rabbitmq %s: %s: message %s was returned as unroutable: %s", c.session.host, c.route(), r.id, returned)
	switch found := c.queueState(); {
	case found != nil && found.Verdict == transport.Retry:
		return retryf("%s: %w", text, found)
	case found != nil && missing(found) && c.p.hasConfirmed(c.session.host):
		return c.p.o.destinationLost(text+": the queue", found)
	case found == nil && c.p.o.Exchange == "":
		return retryf("%s: the queue exists now: it was declared again, or its node was away", text)
	}
	return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf(
		"%s: create the queue or bind it to the exchange, or correct routing_key and exchange in the configuration", text)}
}

// lookUp is the result of looking the queue up.
type lookUp struct {
	at  time.Time
	err *transport.Error
}

// lookUpInterval is the shortest time between two look-ups of the queue: a whole
// window of messages may be returned at once.
const lookUpInterval = time.Second

// queueState looks up the queue that messages go to, at most once in lookUpInterval.
// It returns nil if the queue exists or no queue is configured.
func (c *channelPublisher) queueState() *transport.Error {
	name := c.p.o.Queue
	if c.p.o.Exchange == "" {
		name = c.p.o.RoutingKey
	}
	if name == "" {
		return nil
	}
	if time.Since(c.lookUp.at) >= lookUpInterval {
		_, err := c.p.o.lookUp(onChannel(c.session.conn), name, func(doing string, f func() error) error {
			return c.session.within(c.p.ctx, doing, f)
		})
		c.lookUp.err, _ = errors.AsType[*transport.Error](err)
		c.lookUp.at = time.Now()
	}
	return c.lookUp.err
}
