package amqp

import (
	"context"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// TestBreakingConnections: connections that can be made, and break as soon as
// their channels are opened, are given up although no message was tried.
func TestBreakingConnections(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, nil)
	n.AddUser(t, "narrow", secret, vhost, ".*", ".*", ".*")
	n.Ctl(t, "set_user_limits", "narrow", `{"max-channels":1}`)
	o := options(t, n, vhost)
	o.Username, o.Password = "narrow", func() string { return secret }
	o.Channels, o.RetryTimeout = 4, 2*time.Second
	p := open(t, o)
	select {
	case <-p.ctx.Done():
		wantError(t, context.Cause(p.ctx), transport.Retry, n.Addr())
	case <-time.After(30 * time.Second):
		t.Fatalf("goes on and on: %+v", p.Stats())
	}
}

func TestMoreChannelsThanTheBrokerAllows(t *testing.T) {
	n := rabbittest.Start(t, rabbittest.WithConfig("channel_max = 2"))
	vhost := n.VHost(t)
	o := options(t, n, vhost)
	o.Channels = 4
	p := open(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	send(ctx, p, 0, 20, 100, 8).awaitRefusal(t, transport.Misconfigured, "fewer than 4 channels", "channel_max")
}
