package amqp

import (
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/fakebroker"
	"tstat-transport/internal/transport"
)

// scripted returns options for a scripted broker.
func scripted(t *testing.T, b *fakebroker.Broker) Options {
	return Options{
		Hosts: []string{b.Addr()}, Username: "guest", Password: func() string { return "guest" },
		Queue: queue, QueueOptions: QueueOptions{Durable: true}, Connections: 1, Window: 4,
		Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, RetryTimeout: 5 * time.Second, Log: testLog(t),
	}
}

// TestTooLargeForEver: a peer refuses every message for its size, though none exceeds the
// limit that the peer names. The peer gets the first message Attempts times. Then the
// publisher gives up all messages.
func TestTooLargeForEver(t *testing.T) {
	b := fakebroker.Start(t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) {
			m.CloseChannel(406, "PRECONDITION_FAILED - message size 9 is larger than configured max size 1000000")
		}
	})
	o := scripted(t, b)
	o.Window, o.Attempts = 1, 5
	p := open(t, o)
	send(t.Context(), p, 0, 3, 100, 1).awaitFailure(t, transport.Retry, "given up after 5 attempts", "larger than")
	if got := len(b.Messages()); got != 5 {
		t.Errorf("%d messages were published, want 5", got)
	}
}

// TestLimitLearnedWhileSendsWait: Sends of messages that are too large wait for a channel when
// the first refusal makes the limit known. None of them reaches the peer: each would end the
// channel before the small message on it is confirmed, until that message is given up.
func TestLimitLearnedWhileSendsWait(t *testing.T) {
	b := fakebroker.Start(t, func(int) fakebroker.Script {
		var mu sync.Mutex
		refusals := 0
		return func(m fakebroker.Message) {
			mu.Lock()
			defer mu.Unlock()
			if len(m.Body) > 1000 {
				refusals++
				m.CloseChannel(406, "PRECONDITION_FAILED - message size 2000 is larger than configured max size 1000")
				return
			}
			before := refusals
			time.AfterFunc(50*time.Millisecond, func() { // as a broker that first writes to its disk
				mu.Lock()
				defer mu.Unlock()
				if refusals == before {
					m.Ack(false)
				}
			})
		}
	})
	o := scripted(t, b)
	o.Window, o.Attempts = 2, 5
	p := open(t, o)
	small := send(t.Context(), p, 0, 1, 100, 1)
	large := send(t.Context(), p, 1, 21, 2000, 20)
	large.awaitFailure(t, transport.TooLarge, "max_message_size")
	small.await(t)
	if got := len(b.Messages()); got > 4 {
		t.Errorf("%d messages were published, want the small one once or twice, and one or two large ones", got)
	}
}

// TestReturned: a message that is returned although its queue exists is tried again. If
// the queue is missing, the configuration is wrong.
func TestReturned(t *testing.T) {
	for _, missing := range []bool{false, true} {
		b := fakebroker.Start(t, func(int) fakebroker.Script {
			returned := map[string]bool{}
			return func(m fakebroker.Message) {
				if missing || !returned[m.MessageID] {
					returned[m.MessageID] = true
					m.Return(312, "NO_ROUTE")
				}
				m.Ack(false)
			}
		})
		p := open(t, scripted(t, b))
		if missing {
			b.QueueMissing()
			send(t.Context(), p, 0, 8, 100, 4).awaitFailure(t, transport.Misconfigured, "unroutable", "create the queue")
			continue
		}
		send(t.Context(), p, 0, 8, 100, 4).await(t)
	}
}

// TestAlarmThatGoesOnAndOff: the unblocked times without a confirmation add up, so that an
// alarm that comes and goes cannot delay a message for ever.
func TestAlarmThatGoesOnAndOff(t *testing.T) {
	b := fakebroker.Start(t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) {
			go func() {
				for range 400 { // longer than the connection lasts
					m.Conn.Blocked("memory")
					pause(t.Context(), 50*time.Millisecond)
					m.Conn.Unblocked()
					pause(t.Context(), 100*time.Millisecond)
				}
			}()
		}
	})
	o := scripted(t, b)
	o.ConfirmTimeout, o.RetryTimeout, o.Attempts = 600*time.Millisecond, 500*time.Millisecond, 1
	began := time.Now()
	send(t.Context(), open(t, o), 0, 1, 100, 1).awaitFailure(t, transport.Retry, "was not confirmed within 600ms")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
