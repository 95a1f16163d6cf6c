package amqp

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// topology makes sure that the queue and the exchange are there. The queue is
// only declared where it does not exist: the options of one that somebody has
// declared are theirs. One that has taken messages of ours (holding) is not
// declared again if it should have lasted, since they are gone with it. Its
// errors are explained.
func (o *Options) topology(host string, c *amqp.Connection, holding bool) error {
	if o.Queue != "" {
		doing := fmt.Sprintf("look up queue %q in vhost %q", o.Queue, o.VHost)
		_, err := o.lookUpQueue(c, o.Queue)
		if missing(err) && holding && o.QueueOptions.lasts() {
			return &transport.Error{Verdict: transport.Misconfigured, Err: &fault{fmt.Sprintf(
				"rabbitmq %s: queue %q in vhost %q is gone, with the messages that this run had sent to it: find out who deleted it; the next run declares it again",
				host, o.Queue, o.VHost), err}}
		}
		if missing(err) && !o.QueueOptions.Passive {
			doing = fmt.Sprintf("declare queue %q in vhost %q", o.Queue, o.VHost)
			err = o.declareQueue(c)
		}
		if err != nil {
			return o.explain(host, doing, err)
		}
	}
	if o.Exchange != "" {
		if err := o.lookUpExchange(c); err != nil {
			return o.explain(host, fmt.Sprintf("look up exchange %q in vhost %q", o.Exchange, o.VHost), err)
		}
	}
	return nil
}

// lasts says whether a queue with these options outlives connections and the
// broker.
func (q QueueOptions) lasts() bool { return q.Durable && !q.AutoDelete && !q.Exclusive }

// lookUpQueue asks for a queue without changing anything. One that is
// exclusive to another connection is there as well.
func (o *Options) lookUpQueue(c *amqp.Connection, name string) (q amqp.Queue, err error) {
	err = onChannel(c, func(ch *amqp.Channel) error {
		q, err = ch.QueueDeclarePassive(name, false, false, false, false, nil)
		return err
	})
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.ResourceLocked {
		return q, nil
	}
	return q, err
}

func (o *Options) declareQueue(c *amqp.Connection) error {
	q := o.QueueOptions
	arguments, err := q.table()
	if err != nil {
		return err
	}
	return onChannel(c, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(o.Queue, q.Durable, q.AutoDelete, q.Exclusive, false, arguments)
		return err
	})
}

func (o *Options) lookUpExchange(c *amqp.Connection) error {
	return onChannel(c, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(o.Exchange, amqp.ExchangeDirect, false, false, false, false, nil)
	})
}

// onChannel calls f with a channel of its own, which an error closes.
func onChannel(c *amqp.Connection, f func(*amqp.Channel) error) error {
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	if err := f(ch); err != nil {
		return err
	}
	return ch.Close()
}

// missing says whether err is the broker's word that a queue or exchange does
// not exist. It has the same code for one whose node is away.
func missing(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok || !e.Server || e.Code != amqp.NotFound {
		return false
	}
	kind, _ := new(Options).judgeReply(e)
	return kind != transport.Retry
}
