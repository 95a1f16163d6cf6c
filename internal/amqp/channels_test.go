package amqp

import (
	"fmt"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
)

// TestLimitOfChannels: the publisher uses the channels that it can get. With one connection
// it logs the limit and sends no message twice.
func TestLimitOfChannels(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (*rabbittest.Node, string){
		"of a user": func(t *testing.T) (*rabbittest.Node, string) {
			n := rabbittest.Shared(t)
			vhost := n.VHost(t)
			n.DeclareQueue(t, vhost, queue, nil)
			n.AddUser(t, "narrow", secret, vhost, ".*", ".*", ".*")
			n.Ctl(t, "set_user_limits", "narrow", `{"max-channels":1}`)
			return n, vhost
		},
		"of a connection": func(t *testing.T) (*rabbittest.Node, string) {
			n := rabbittest.Start(t, rabbittest.WithConfig("channel_max = 1"))
			vhost := n.VHost(t)
			n.AddUser(t, "narrow", secret, vhost, ".*", ".*", ".*")
			return n, vhost
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, vhost := start(t)
			o := options(t, n, vhost)
			o.Username, o.Password = "narrow", func() string { return secret }
			o.Channels = 4
			happened := watchLog(t, &o)
			p := open(t, o)
			send(t.Context(), p, 0, 200, 100, 8).await(t)
			if !happened("channels_limited")() {
				t.Error("the limit is not in the log")
			}
			wantInQueue(t, n, vhost, 0, 200, 100, exactlyOnce)
		})
	}
	for _, channels := range []int{1, 2} {
		t.Run(fmt.Sprintf("of a user with two connections of %d", channels), func(t *testing.T) {
			n := rabbittest.Shared(t)
			vhost := n.VHost(t)
			n.DeclareQueue(t, vhost, queue, nil)
			n.AddUser(t, "single", secret, vhost, ".*", ".*", ".*")
			n.Ctl(t, "set_user_limits", "single", `{"max-channels":1}`)
			o := options(t, n, vhost)
			o.Username, o.Password = "single", func() string { return secret }
			o.Connections, o.Channels, o.RetryTimeout = 2, channels, 10*time.Second
			happened := watchLog(t, &o)
			p := open(t, o)
			eventually(t, 10*time.Second, "the limit to be in the log", happened("channels_limited"))
			send(t.Context(), p, 0, 200, 100, 8).await(t)
			wantInQueue(t, n, vhost, 0, 200, 100, atLeastOnce)
			if channels == 1 && happened("broker_unreachable")() {
				t.Error("the second connection was tried again beside the first")
			}
		})
	}
}
