package bench

import (
	"cmp"
	"sync"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	publisher "tstat-transport/internal/amqp"
	"tstat-transport/internal/test/rabbittest"
)

// bare is a minimal publisher with confirmations: it publishes ready-made messages, has a
// window of deferred confirmations on each channel, and resends nothing. The pipeline is
// compared with it.
type bare struct {
	channels []*amqp.Channel
	window   int
}

func newBare(b *testing.B, n *rabbittest.Node, vhost string, s settings) *bare {
	b.Helper()
	p := &bare{window: cmp.Or(s.window, publisher.MinWindow)}
	for range s.connections {
		conn := n.Dial(b, vhost)
		for range s.channels {
			ch, err := conn.Channel()
			if err == nil {
				err = ch.Confirm(false)
			}
			if err != nil {
				b.Fatal(err)
			}
			p.channels = append(p.channels, ch)
		}
	}
	return p
}

// publish publishes every body, and returns when all are confirmed.
func (p *bare) publish(b *testing.B, bodies [][]byte) {
	var next atomic.Int64
	var all sync.WaitGroup
	for _, ch := range p.channels {
		all.Go(func() {
			ring := make([]*amqp.DeferredConfirmation, p.window)
			for sent := 0; ; sent++ {
				old := &ring[sent%p.window]
				if *old != nil && !(*old).Wait() {
					b.Error("a message of the bare publisher was not confirmed")
					return
				}
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					*old = nil
					break
				}
				var err error
				*old, err = ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{
					ContentType: "application/json", DeliveryMode: amqp.Persistent, MessageId: messageID, Body: bodies[i],
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
			for _, c := range ring {
				if c != nil && !c.Wait() {
					b.Error("a message of the bare publisher was not confirmed")
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// messageID is as long as the pipeline's.
const messageID = "sensor.example.net/0/2026_01_15_00_00.out/log_tcp_complete@123456789-123496789"
