package bench

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	publisher "tstat-transport/internal/amqp"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

const queue = "flows"

// settings are those of tstat_send's flags; a window of 0 means auto.
type settings struct{ connections, channels, window int }

func (s settings) String() string {
	window := "auto"
	if s.window > 0 {
		window = strconv.Itoa(s.window)
	}
	return fmt.Sprintf("connections=%d/channels=%d/window=%s", s.connections, s.channels, window)
}

// callers returns the largest useful number of concurrent calls of Send.
func (s settings) callers() int {
	if s.window == 0 {
		return publisher.MaxInFlight
	}
	return s.connections * s.channels * s.window
}

// defaults are those of tstat_send.
var defaults = settings{connections: publisher.DefaultConnections, channels: publisher.DefaultChannels}

// broker is a node with one durable queue.
type broker struct {
	node  *rabbittest.Node
	vhost string
	ch    *amqp.Channel
	kind  string // of the queue
}

func newBroker(b *testing.B) *broker {
	b.Helper()
	n := rabbittest.Start(b)
	k := &broker{node: n, vhost: "/"}
	ch, err := n.Dial(b, k.vhost).Channel()
	if err != nil {
		b.Fatal(err)
	}
	k.ch = ch
	k.declare(b, "classic")
	return k
}

// declare deletes the queue and makes it anew, of one kind. On a single node a quorum queue and
// a stream have one replica.
func (k *broker) declare(b *testing.B, kind string) {
	b.Helper()
	if _, err := k.ch.QueueDelete(queue, false, false, false); err != nil {
		b.Fatal(err)
	}
	k.kind = kind
	k.node.DeclareQueue(b, k.vhost, queue, amqp.Table{"x-queue-type": kind})
}

// purge empties the queue, and checks that it held want messages, or any number if want is -1.
// It does nothing to a stream, which can neither be emptied nor counted.
func (k *broker) purge(b *testing.B, want int) {
	b.Helper()
	if k.kind == "stream" {
		return
	}
	n, err := k.ch.QueuePurge(queue, false)
	if err != nil || want >= 0 && n != want {
		b.Fatalf("%d messages in the queue, want %d: %v", n, want, err)
	}
}

func (k *broker) open(b *testing.B, s settings) *publisher.Publisher {
	b.Helper()
	p, err := publisher.Open(b.Context(), publisher.Options{
		Hosts: []string{k.node.Addr()}, Username: rabbittest.User, Password: func() string { return rabbittest.Password },
		VHost: k.vhost, Queue: queue, QueueOptions: publisher.QueueOptions{Durable: true},
		Connections: s.connections, Channels: s.channels, Window: s.window, Name: b.Name(),
	})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func closePublisher(b *testing.B, p *publisher.Publisher) {
	b.Helper()
	if err := p.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRabbitMQ delivers to RabbitMQ: in comparison with a bare publisher of the same
// messages, and over workers, channels, window, threshold, kind of queue and message size.
//
//	go test -bench RabbitMQ ./bench -benchtime 10x
//	go test -bench RabbitMQ/bare ./bench -benchtime 10x -args -logs 250M
func BenchmarkRabbitMQ(b *testing.B) {
	k := newBroker(b)
	t := sensorLogs(b)
	b.Run("bare", func(b *testing.B) {
		for _, s := range []settings{defaults, {1, 2, 64}, {2, 1, 64}} {
			b.Run(s.String(), func(b *testing.B) { k.against(b, t, s) })
		}
	})
	t = logs(b, "quarter", loggen.Options{Large: 0.001}, 1, size(b)/4)
	for _, s := range []settings{{1, 1, 1}, {1, 1, 16}, {1, 1, 64}, {1, 2, 16}, {1, 4, 16}, {2, 1, 64}, {2, 2, 64}} {
		b.Run("threshold=0/workers=2/"+s.String(), func(b *testing.B) { k.pipeline(b, t, s, 2, 0) })
	}
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprintf("threshold=0/workers=%d/%s", n, defaults), func(b *testing.B) { k.pipeline(b, t, defaults, n, 0) })
	}
	b.Run("threshold=1000/workers=2/"+defaults.String(), func(b *testing.B) { k.pipeline(b, t, defaults, 2, defaultThreshold) })
	for _, kind := range []string{"classic", "quorum", "stream"} {
		b.Run("queue="+kind, func(b *testing.B) {
			k.declare(b, kind)
			k.pipeline(b, t, defaults, 2, 0)
		})
	}
	k.declare(b, "classic")
	for _, kB := range []int{2, 15, 60, 240} {
		b.Run(fmt.Sprintf("size=%dkB", kB), func(b *testing.B) { k.sizes(b, kB*1000) })
	}
}

// against runs a bare publisher and the pipeline in turn. x_bare is the total time of the
// bare publisher divided by that of the pipeline.
func (k *broker) against(b *testing.B, t tree, s settings) {
	var kept keep
	change := func(o *workers.Options) { o.Threshold, o.Publishers = 0, s.callers() }
	n := run(b, t.path, &kept, change)
	t.check(b, n, t.flows(0))

	p := k.open(b, s)
	defer closePublisher(b, p)
	other := newBare(b, k.node, k.vhost, s)
	var bare, ours time.Duration
	k.purge(b, -1)
	for b.Loop() {
		began := time.Now()
		other.publish(b, kept.bodies)
		bare += time.Since(began)
		b.StopTimer()
		k.purge(b, len(kept.bodies))
		b.StartTimer()
		began = time.Now()
		run(b, t.path, p, change)
		ours += time.Since(began)
		b.StopTimer()
		k.purge(b, len(kept.bodies))
		b.StartTimer()
	}
	flows := float64(n.Flows.Load()) * float64(b.N)
	b.ReportMetric(flows/bare.Seconds(), "bare_flows/s")
	b.ReportMetric(flows/ours.Seconds(), "flows/s")
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "x_bare")
}

func (k *broker) pipeline(b *testing.B, t tree, s settings, n int, threshold uint64) {
	p := k.open(b, s)
	defer closePublisher(b, p)
	change := func(o *workers.Options) {
		o.Workers, o.Threshold, o.Publishers = n, threshold, s.callers()
	}
	k.purge(b, -1)
	counters := run(b, t.path, p, change)
	t.check(b, counters, t.flows(threshold))
	k.purge(b, int(counters.Published.Load()))
	b.SetBytes(t.books.Bytes)
	b.ReportAllocs()
	for b.Loop() {
		run(b, t.path, p, change)
		b.StopTimer()
		k.purge(b, int(counters.Published.Load()))
		b.StartTimer()
	}
	rates(b, counters.Rows.Load(), counters.Flows.Load(), counters.Published.Load())
	l := p.Stats().Latency
	b.ReportMetric(float64(l.Sum.Microseconds())/float64(l.Count)/1000, "ms_to_confirm")
}

// sizes publishes ready-made messages of one size through our publisher.
func (k *broker) sizes(b *testing.B, size int) {
	p := k.open(b, defaults)
	defer closePublisher(b, p)
	const n = 500
	k.purge(b, -1)
	b.SetBytes(int64(n * size))
	b.ReportAllocs()
	for b.Loop() {
		send(b, p, n, size, defaults.callers())
		b.StopTimer()
		k.purge(b, n)
		b.StartTimer()
	}
	rates(b, 0, 0, n)
}

// send publishes n messages of size bytes, width at a time.
func send(b *testing.B, t transport.Transport, n, size, width int) {
	b.Helper()
	body := bytes.Repeat([]byte("0"), size)
	var next atomic.Int64
	var all errgroup.Group
	for range width {
		all.Go(func() error {
			for next.Add(1) <= int64(n) {
				if err := t.Send(b.Context(), &transport.Message{ID: messageID, Body: body, Flows: 1}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		b.Fatal(err)
	}
}
