package amqp

import (
	"fmt"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// halfFull makes a vhost in which amq.fanout leads to two queues: "full", which takes ten
// messages, and queue, which has no limit.
func halfFull(t *testing.T, n *rabbittest.Node) (vhost string) {
	t.Helper()
	vhost = n.VHost(t)
	n.DeclareQueue(t, vhost, "full", amqp091.Table{"x-max-length": int32(10), "x-overflow": "reject-publish"})
	n.DeclareQueue(t, vhost, queue, nil)
	ch := channelOf(t, n, vhost)
	for _, q := range []string{"full", queue} {
		if err := ch.QueueBind(q, "", "amq.fanout", false, nil); err != nil {
			t.Fatal(err)
		}
	}
	return vhost
}

// TestOneOfTwoQueuesFull: each attempt to get a message into the full queue puts another
// copy into the other queue, so there must be few attempts.
func TestOneOfTwoQueuesFull(t *testing.T) {
	n := rabbittest.Shared(t)
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("for good, connection lost %v", lost), func(t *testing.T) {
			vhost := halfFull(t, n)
			o := options(t, n, vhost)
			o.Exchange, o.Connections, o.Window, o.RetryTimeout = "amq.fanout", 2, 64, 3*time.Second
			p := open(t, o)
			s := send(t.Context(), p, 0, 500, 100, 64)
			if lost {
				eventually(t, 10*time.Second, "all messages in flight to be nacked", func() bool { return p.Stats().Nacked >= 64 })
				n.CloseConnections(t, "now try again")
			}
			s.wg.Wait()
			for _, err := range s.errs {
				wantError(t, err, transport.Retry, "nack", "bound to exchange")
			}
			messages := n.Drain(t, vhost, queue)
			distinct := map[string]bool{}
			for _, m := range messages {
				distinct[m.MessageId] = true
			}
			t.Logf("%d copies of %d messages, %d failed", len(messages)-len(distinct), len(distinct), len(s.errs))
			// The first pause is 20 to 40 ms. The pauses double, to 500 ms at most: about twelve attempts in 3 s.
			if copies := len(messages) - len(distinct); copies > 30 || len(s.errs) == 0 {
				t.Errorf("%d copies of %d messages, %d failed: want some twelve copies, and a failure", copies, len(distinct), len(s.errs))
			}
		})
	}
	t.Run("for a while", func(t *testing.T) {
		vhost := halfFull(t, n)
		o := options(t, n, vhost)
		o.Exchange, o.Attempts = "amq.fanout", 100
		happened := watchLog(t, &o)
		s := send(t.Context(), open(t, o), 0, 200, 100, 32)
		eventually(t, 10*time.Second, "a nack", happened("message_nacked"))
		done := make(chan struct{})
		go func() {
			s.wg.Wait()
			close(done)
		}()
		for ended := false; !ended; {
			n.Drain(t, vhost, "full")
			select {
			case <-done:
				ended = true
			default:
			}
		}
		s.await(t)
		wantInQueue(t, n, vhost, 0, 200, 100, atLeastOnce)
	})
}
