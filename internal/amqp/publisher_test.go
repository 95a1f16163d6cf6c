package amqp

import (
	"maps"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

func TestEachMessageOnce(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	o := options(t, n, vhost)
	o.Connections, o.Channels = 2, 2
	p := open(t, o)
	send(t.Context(), p, 0, 1000, 2000, 64).await(t)
	wantInQueue(t, n, vhost, 0, 1000, 2000, exactlyOnce)
	s := p.Stats()
	if s.Published != 1000 || s.Confirmed != 1000 || s.Resent+s.Returned+s.Nacked+s.Reconnects != 0 || s.Latency.Count != 1000 {
		t.Errorf("stats are %+v", s)
	}
}

// TestEncoding: a compressed message carries the content encoding of its body. A packed message
// arrives unpacked, without an encoding.
func TestEncoding(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	p := open(t, options(t, n, vhost))
	c, err := transport.NewCompressor("zstd")
	if err != nil {
		t.Fatal(err)
	}
	plain := message(1, 20_000)
	compressed := &transport.Message{ID: id(2), Body: c.Append(nil, plain.Body), Encoding: "zstd", Size: len(plain.Body), Flows: 1}
	for _, m := range []*transport.Message{plain, compressed, pack(message(3, 30_000))} {
		if err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string]string)
	for _, d := range n.Drain(t, vhost, queue) {
		got[d.MessageId+" "+d.ContentEncoding] = string(d.Body)
		if d.ContentType != "application/json" || d.DeliveryMode != amqp091.Persistent {
			t.Errorf("message is %q, mode %d", d.ContentType, d.DeliveryMode)
		}
	}
	want := map[string]string{id(1) + " ": string(plain.Body), id(2) + " zstd": string(compressed.Body), id(3) + " ": string(message(3, 30_000).Body)}
	if !maps.Equal(got, want) {
		t.Errorf("%.200q, want %.200q", got, want)
	}
}

func TestMessageIDTooLong(t *testing.T) {
	p, err := newPublisher(Options{Hosts: []string{"127.0.0.1:1"}, Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Send(t.Context(), &transport.Message{ID: strings.Repeat("x", 256)})
	wantError(t, err, transport.Misconfigured, "256 bytes")
	closeWithin(t, p, soon)
}
