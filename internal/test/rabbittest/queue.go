package rabbittest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/testkit"
)

// DeclareQueue declares a durable queue.
func (n *Node) DeclareQueue(t testing.TB, vhost, queue string, args amqp.Table) {
	t.Helper()
	n.onChannel(t, vhost, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, args)
		return err
	})
}

// DeleteQueue deletes a queue with the messages in it.
func (n *Node) DeleteQueue(t testing.TB, vhost, queue string) {
	t.Helper()
	n.onChannel(t, vhost, func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(queue, false, false, false)
		return err
	})
}

// QueueExists reports whether vhost has such a queue.
func (n *Node) QueueExists(t testing.TB, vhost, queue string) bool {
	t.Helper()
	return n.Eval(t, fmt.Sprintf(`rabbit_amqqueue:exists(rabbit_misc:r(%s, queue, %s))`, erlangBinary(vhost), erlangBinary(queue))) == "true"
}

// QueueLen returns the number of messages in queue that no consumer holds. A queue
// answers before it takes in the messages that wait in its mailbox, so only confirmed
// messages are sure to be counted.
func (n *Node) QueueLen(t testing.TB, vhost, queue string) int {
	t.Helper()
	var length int
	n.onChannel(t, vhost, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		length = q.Messages
		return err
	})
	return length
}

// Drain takes messages out of queue until it is empty, acknowledges them, and
// returns them in the order of the queue. Drain also takes the messages that wait in the
// queue's mailbox: a queue answers basic.get after them, unlike the count of QueueLen.
func (n *Node) Drain(t testing.TB, vhost, queue string) []amqp.Delivery {
	t.Helper()
	var all []amqp.Delivery
	n.onChannel(t, vhost, func(ch *amqp.Channel) error {
		for {
			first, found, err := ch.Get(queue, true)
			if err != nil || !found {
				return err
			}
			all = append(all, first)
			if first.MessageCount == 0 {
				continue
			}
			some, err := consume(ch, queue, int(first.MessageCount))
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
	})
	return all
}

// consume takes and acknowledges at least count messages.
func consume(ch *amqp.Channel, queue string, count int) ([]amqp.Delivery, error) {
	const consumer = "drain"
	deliveries, err := ch.Consume(queue, consumer, false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	var got []amqp.Delivery
	timeout := time.NewTimer(testkit.Patience)
	defer timeout.Stop()
	for len(got) < count {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return nil, errors.New("the connection was closed while draining")
			}
			got = append(got, d)
		case <-timeout.C:
			return nil, fmt.Errorf("only %d of %d messages came within %s", len(got), count, testkit.Patience)
		}
	}
	if err := ch.Cancel(consumer, false); err != nil {
		return nil, err
	}
	for d := range deliveries {
		got = append(got, d)
	}
	return got, ch.Ack(got[len(got)-1].DeliveryTag, true)
}

// Dial logs in as User. The connection is closed when t ends.
func (n *Node) Dial(t testing.TB, vhost string) *amqp.Connection {
	t.Helper()
	conn, err := n.dial(vhost)
	if err != nil {
		t.Fatalf("rabbittest: cannot log in to %s: %v", n.name, err)
	}
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(5 * time.Second)) })
	return conn
}

func (n *Node) dial(vhost string) (*amqp.Connection, error) {
	return amqp.DialConfig(n.URL(vhost), amqp.Config{
		Heartbeat:  10 * time.Second,
		Dial:       amqp.DefaultDial(testkit.Patience),
		Properties: amqp.Table{"connection_name": "rabbittest"},
	})
}

func (n *Node) onChannel(t testing.TB, vhost string, do func(*amqp.Channel) error) {
	t.Helper()
	err := func() error {
		conn, err := n.dial(vhost)
		if err != nil {
			return err
		}
		ch, err := conn.Channel()
		if err == nil {
			err = do(ch)
		}
		return errors.Join(err, conn.CloseDeadline(time.Now().Add(testkit.Patience)))
	}()
	if err != nil {
		t.Fatalf("rabbittest: %s, vhost %s: %v", n.name, vhost, err)
	}
}
