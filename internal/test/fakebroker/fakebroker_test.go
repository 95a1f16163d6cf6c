package fakebroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const queue = "queue"

// session logs in to b, and returns the connection and a channel in confirm mode.
func session(t *testing.T, b *Broker) (*amqp.Connection, *amqp.Channel) {
	t.Helper()
	conn, err := amqp.DialConfig("amqp://guest:guest@"+b.Addr(), amqp.Config{Heartbeat: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil); err != nil || q.Name != queue {
		t.Fatal(q, err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	return conn, ch
}

func send(t *testing.T, ch *amqp.Channel, id string, size int) *amqp.DeferredConfirmation {
	t.Helper()
	c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, true, false, amqp.Publishing{
		ContentType: "application/json", Headers: amqp.Table{"k": "v"}, DeliveryMode: amqp.Persistent,
		MessageId: id, Body: []byte(strings.Repeat("x", size)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfirmsAsTheScriptSays(t *testing.T) {
	b := Start(t, func(int) Script {
		var held []Message
		return func(m Message) {
			if held = append(held, m); len(held) < 6 {
				return
			}
			held[5].Ack(false)
			held[3].Nack(false)
			held[2].Ack(true) // the first three
			held[4].Nack(false)
		}
	})
	_, ch := session(t, b)
	const big = 300_000 // more than two frames
	var confirmations []*amqp.DeferredConfirmation
	for i := range 6 {
		confirmations = append(confirmations, send(t, ch, fmt.Sprint("m", i), big*(i%2)))
	}
	for i, want := range []bool{true, true, true, false, false, true} {
		if acked, err := confirmations[i].WaitContext(t.Context()); err != nil || acked != want {
			t.Errorf("message %d: %v, %v, want %v", i, acked, err, want)
		}
	}
	for i, m := range b.Messages() {
		if m.MessageID != fmt.Sprint("m", i) || m.RoutingKey != queue || !m.Mandatory || len(m.Body) != big*(i%2) {
			t.Errorf("message %d arrived as %q for %q, %d bytes", i, m.MessageID, m.RoutingKey, len(m.Body))
		}
	}
}

func TestReturnsAndBlocks(t *testing.T) {
	b := Start(t, func(int) Script {
		return func(m Message) {
			m.Return(amqp.NoRoute, "NO_ROUTE")
			m.Conn.Blocked("low on memory")
			m.Conn.Unblocked()
			m.Ack(false)
		}
	})
	conn, ch := session(t, b)
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	blocks := conn.NotifyBlocked(make(chan amqp.Blocking, 2))
	c := send(t, ch, "id", 200_000)
	if r := <-returns; r.MessageId != "id" || r.ReplyCode != amqp.NoRoute || len(r.Body) != 200_000 {
		t.Errorf("returned %q with %d and %d bytes", r.MessageId, r.ReplyCode, len(r.Body))
	}
	if first := <-blocks; !first.Active || first.Reason != "low on memory" {
		t.Errorf("first %+v", first)
	}
	if second := <-blocks; second.Active {
		t.Errorf("then %+v", second)
	}
	if acked, err := c.WaitContext(t.Context()); err != nil || !acked {
		t.Errorf("confirmation: %v, %v", acked, err)
	}
}

// TestClosedChannelIsDeaf: what the client sends on a channel before it learns that the channel is
// closed is discarded. Another channel of the connection works.
func TestClosedChannelIsDeaf(t *testing.T) {
	sent := make(chan struct{})
	b := Start(t, func(int) Script {
		return func(m Message) {
			if m.MessageID == "next" {
				m.Ack(false)
				return
			}
			<-sent
			m.CloseChannel(amqp.PreconditionFailed, "enough")
		}
	})
	conn, ch := session(t, b)
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	send(t, ch, "first", 1)
	send(t, ch, "unheard", 200_000)
	close(sent)
	if err := <-closes; err == nil || err.Code != amqp.PreconditionFailed || err.Reason != "enough" {
		t.Errorf("closed with %v", err)
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		t.Fatal(err)
	}
	if acked, err := send(t, ch, "next", 1).WaitContext(t.Context()); err != nil || !acked {
		t.Errorf("confirmation: %v, %v", acked, err)
	}
	if got := b.Messages(); len(got) != 2 || got[1].MessageID != "next" {
		t.Errorf("%d messages arrived, want the first and the next", len(got))
	}
}

func TestIsSilentThenResets(t *testing.T) {
	b := Start(t, func(connection int) Script {
		return func(m Message) {
			if connection == 2 {
				m.Conn.Reset()
			}
		}
	})
	_, ch := session(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if acked, err := send(t, ch, "a", 1).WaitContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("confirmation: %v, %v, want none", acked, err)
	}
	conn, ch := session(t, b)
	closes := conn.NotifyClose(make(chan *amqp.Error, 1))
	send(t, ch, "b", 1)
	if err := <-closes; err == nil || err.Server {
		t.Errorf("closed with %v, want a lost connection", err)
	}
}

func TestStopsReading(t *testing.T) {
	stopped := make(chan *Conn, 1)
	b := Start(t, func(int) Script {
		return func(m Message) {
			stopped <- m.Conn
			m.Conn.StopReading()
		}
	})
	_, ch := session(t, b)
	written := make(chan error, 1)
	send(t, ch, "a", 1)
	go func() {
		written <- ch.PublishWithContext(context.Background(), "", queue, true, false, amqp.Publishing{Body: make([]byte, 64<<20)})
	}()
	select {
	case err := <-written:
		t.Fatalf("64 MiB were written to a broker that does not read: %v", err)
	case <-time.After(time.Second):
	}
	(<-stopped).Reset()
	if err := <-written; err == nil {
		t.Error("the write went through after a reset")
	}
}
