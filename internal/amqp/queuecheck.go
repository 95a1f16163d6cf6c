package amqp

import (
	"errors"
	"fmt"
	"time"

	"tstat-transport/internal/transport"
)

// queueCheck finds out why the broker has not taken a message: it looks up the queue
// that messages go to.
type queueCheck struct {
	session *session
	at      time.Time        // when the queue was last looked up
	result  *transport.Error // nil if the queue existed
}

// queueCheckInterval is the shortest time between two look-ups of the queue: a whole
// window of messages may be returned at once.
const queueCheckInterval = time.Second

// returnError returns the error of a message that the broker has returned. The broker
// also returns messages while the node of a classic queue is away. So returnError looks
// up the queue before it blames the configuration.
func (q *queueCheck) returnError(id, returned string) *transport.Error {
	s := q.session
	text := fmt.Sprintf("rabbitmq %s: %s: message %s was returned as unroutable: %s", s.host, s.o.publishingTo(), id, returned)
	switch lookUpErr := q.state(); {
	case lookUpErr != nil && lookUpErr.Verdict == transport.Retry:
		return retryf("%s: %w", text, lookUpErr)
	case lookUpErr != nil && missing(lookUpErr) && s.p.hasConfirmed(s.host):
		return s.o.destinationLost(text+": the queue", lookUpErr)
	case lookUpErr == nil && s.o.Exchange == "":
		return retryf("%s: the queue exists now: it was declared again, or its node was away", text)
	}
	return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf(
		"%s: create the queue or bind it to the exchange, or correct routing_key and exchange in the configuration", text)}
}

// nackError returns the error of a message that the broker has refused with a nack. With
// lookUp it looks up the queue to find the cause; without, it names a full queue, the
// likely cause.
func (q *queueCheck) nackError(lookUp bool) *transport.Error {
	if lookUp {
		if lookUpErr := q.state(); lookUpErr != nil && lookUpErr.Verdict == transport.Retry {
			return retryf("rabbitmq %s: the broker refused it (nack): %w", q.session.host, lookUpErr)
		}
	}
	likely := fmt.Sprintf("queue %q may be full", q.session.o.RoutingKey)
	if exchange := q.session.o.Exchange; exchange != "" {
		likely = fmt.Sprintf("a queue bound to exchange %q may be full", exchange)
	}
	return retryf("rabbitmq %s: the broker refused it (nack): %s", q.session.host, likely)
}

// state looks up the queue, at most once in queueCheckInterval. It returns nil if the
// queue exists or no queue is configured.
func (q *queueCheck) state() *transport.Error {
	name := q.session.o.receivingQueue()
	if name == "" {
		return nil
	}
	if time.Since(q.at) >= queueCheckInterval {
		_, err := q.session.lookUpQueue(q.session.p.ctx, name)
		q.result, _ = errors.AsType[*transport.Error](err)
		q.at = time.Now()
	}
	return q.result
}
