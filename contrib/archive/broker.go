package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// brokerTimeout bounds connecting to the broker. On the connection for dead letters, it also
// bounds each write and each confirmation.
const brokerTimeout = 30 * time.Second

func dial(url string) (*amqp.Connection, error) {
	return amqp.DialConfig(url, amqp.Config{
		Heartbeat:  10 * time.Second,
		Dial:       amqp.DefaultDial(brokerTimeout),
		Properties: amqp.Table{"connection_name": "tstat archive"},
	})
}

// hangUp closes a connection that may be dead.
func hangUp(conn *amqp.Connection) {
	_ = conn.CloseDeadline(time.Now().Add(closeTimeout)) // what is not acknowledged comes again
}

// ensureQueue declares a durable queue unless a queue of that name exists, of any type.
func ensureQueue(conn *amqp.Connection, name string) error {
	ch, err := conn.Channel()
	if err == nil {
		defer ch.Close()
		_, err = ch.QueueDeclarePassive(name, true, false, false, false, nil)
	}
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.NotFound {
		var second *amqp.Channel
		if second, err = conn.Channel(); err == nil {
			defer second.Close()
			_, err = second.QueueDeclare(name, true, false, false, false, nil)
		}
	}
	if err != nil {
		return fmt.Errorf("dead-letter queue %s: %w", name, err)
	}
	return nil
}

// deadLetter publishes messages to the dead-letter queue, each with its fault in the header
// "reason", and returns when the broker has confirmed them. It uses a connection of its own:
// when a broker is short of memory, it stops reading from connections that have published, and
// would no longer read acknowledgements either.
func (a *archive) deadLetter(ctx context.Context, messages []*message) error {
	if len(messages) == 0 {
		return nil
	}
	var socket net.Conn
	conn, err := amqp.DialConfig(a.rabbit, amqp.Config{
		Dial: func(network, address string) (c net.Conn, err error) {
			socket, err = amqp.DefaultDial(brokerTimeout)(network, address)
			return socket, err
		},
		Properties: amqp.Table{"connection_name": "tstat archive, dead letters"},
	})
	if err != nil {
		return fmt.Errorf("connect for dead letters: %w", err)
	}
	defer hangUp(conn)
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		return fmt.Errorf("open a channel for dead letters: %w", err)
	}
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	for _, m := range messages {
		if err := socket.SetWriteDeadline(time.Now().Add(brokerTimeout)); err != nil {
			return fmt.Errorf("bound a write: %w", err)
		}
		if err := a.publishDead(ctx, ch, returned, m); err != nil {
			return fmt.Errorf("publish to the dead-letter queue %s: %w", a.dead, err)
		}
		a.log.Warn("dead_letter", "message", m.delivery.MessageId, "queue", a.dead, "error", m.fault)
	}
	return nil
}

func (a *archive) publishDead(ctx context.Context, ch *amqp.Channel, returned <-chan amqp.Return, m *message) error {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	d := &m.delivery
	confirmation, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", a.dead, true, false, amqp.Publishing{
		MessageId: d.MessageId, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		DeliveryMode: amqp.Persistent, Timestamp: time.Now(), Body: d.Body,
		// All headers must fit into one frame, and the fault may quote a long text of the message.
		Headers: amqp.Table{"reason": fmt.Sprintf("%.1000s", m.fault), "queue": a.queue},
	})
	if err != nil {
		return err
	}
	acked, err := confirmation.WaitContext(ctx)
	if err != nil {
		return err
	}
	select { // a return comes before the confirmation
	case r := <-returned:
		return errors.New(r.ReplyText)
	default:
	}
	if !acked {
		return errors.New("the broker has refused the message")
	}
	return nil
}
