package amqp

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
)

// Both benchmarks publish ready-made messages. The durable queue keeps only ten messages, so
// that the length of the queue does not matter.
//
//	go test -run '^$' -bench Publish -benchtime 3000x ./internal/amqp
const benchWindow = 64

var benchSizes = []int{2_000, 120_000}

func benchQueue(b *testing.B) (*rabbittest.Node, string) {
	n := rabbittest.Shared(b)
	vhost := n.VHost(b)
	n.DeclareQueue(b, vhost, queue, amqp091.Table{"x-max-length": int32(10)})
	return n, vhost
}

func BenchmarkPublisher(b *testing.B) {
	for _, connections := range []int{1, 2} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("connections=%d/size=%d", connections, size), func(b *testing.B) {
				n, vhost := benchQueue(b)
				o := options(b, n, vhost)
				o.Log = nil
				o.Connections, o.Window = connections, benchWindow
				p := open(b, o)
				m := message(1, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				defer reportCPU(b)()
				b.ResetTimer()
				var wg sync.WaitGroup
				todo := make(chan struct{}, 1000)
				for range connections * benchWindow {
					wg.Go(func() {
						for range todo {
							if err := p.Send(b.Context(), m); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for range b.N {
					todo <- struct{}{}
				}
				close(todo)
				wg.Wait()
				b.StopTimer()
				if s := p.Stats(); s.Confirmed != int64(b.N) || s.Published != int64(b.N) {
					b.Errorf("of %d messages: %+v", b.N, s)
				}
			})
		}
	}
}

// BenchmarkBarePublisher measures the library alone: one goroutine for each connection
// publishes and keeps a window of unconfirmed messages.
func BenchmarkBarePublisher(b *testing.B) {
	for _, connections := range []int{1, 2} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("connections=%d/size=%d", connections, size), func(b *testing.B) {
				n, vhost := benchQueue(b)
				channels := make([]*amqp091.Channel, connections)
				for i := range channels {
					channels[i] = channelOf(b, n, vhost)
					if err := channels[i].Confirm(false); err != nil {
						b.Fatal(err)
					}
				}
				m := message(1, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				defer reportCPU(b)()
				b.ResetTimer()
				var wg sync.WaitGroup
				for i, ch := range channels {
					wg.Go(func() {
						count := b.N / connections
						if i == 0 {
							count += b.N % connections
						}
						if err := publishBare(ch, count, m.ID, m.Body); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// reportCPU reports the processor time of this process for each message. Other load on the
// machine changes it less than the elapsed time.
func reportCPU(b *testing.B) (stop func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func publishBare(ch *amqp091.Channel, count int, id string, body []byte) error {
	window := make(chan *amqp091.DeferredConfirmation, benchWindow-1)
	done := make(chan error, 1)
	go func() {
		var err error
		for c := range window {
			if !c.Wait() {
				err = fmt.Errorf("message %d was not confirmed", c.DeliveryTag)
			}
		}
		done <- err
	}()
	for range count {
		c, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp091.Publishing{
			ContentType: "application/json", DeliveryMode: amqp091.Persistent, MessageId: id, Body: body,
		})
		if err != nil {
			close(window)
			return errors.Join(err, <-done)
		}
		window <- c
	}
	close(window)
	return <-done
}
