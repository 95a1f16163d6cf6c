package amqp

import (
	"testing"

	"tstat-transport/internal/test/rabbittest"
)

func TestEachMessageOnce(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	o := options(t, n, vhost)
	o.Connections, o.Channels = 2, 2
	p := open(t, o)
	send(t.Context(), p, 0, 1000, 2000, 64).await(t)
	wantInQueue(t, n, vhost, 0, 1000, 2000, false)
	s := p.Stats()
	if s.Published != 1000 || s.Confirmed != 1000 || s.Resent+s.Returned+s.Nacked+s.Reconnects != 0 || s.Bytes != 1000*2000 || s.Latency.Count != 1000 {
		t.Errorf("stats are %+v", s)
	}
}
