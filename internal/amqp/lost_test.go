package amqp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// TestDestinationLost: an error says whether confirmed messages are lost. Each case deletes
// something after twenty messages were confirmed.
func TestDestinationLost(t *testing.T) {
	n := rabbittest.Shared(t)
	second := net.JoinHostPort("127.0.0.9", strconv.Itoa(n.Port())) // the same node by another name
	for name, c := range map[string]struct {
		options func(*Options)
		happen  func(t *testing.T, o Options, firstDown *atomic.Bool)
		lost    bool
		words   []string
	}{
		"queue deleted": {
			happen: func(t *testing.T, o Options, _ *atomic.Bool) { n.DeleteQueue(t, o.VHost, queue) },
			lost:   true, words: []string{"unroutable", "was deleted"},
		},
		"queue deleted and connections closed": {
			happen: func(t *testing.T, o Options, _ *atomic.Bool) {
				n.DeleteQueue(t, o.VHost, queue)
				n.CloseConnections(t, "now look")
			},
			lost: true, words: []string{`queue "flows"`, "was deleted", "who deleted it"},
		},
		"passive queue deleted and connections closed": {
			options: func(o *Options) { o.QueueOptions = QueueOptions{Passive: true} }, // which say nothing about the queue
			happen: func(t *testing.T, o Options, _ *atomic.Bool) {
				n.DeleteQueue(t, o.VHost, queue)
				n.CloseConnections(t, "now look")
			},
			lost: true, words: []string{`queue "flows"`, "was deleted"},
		},
		"queue deleted, and another host of the cluster asked": {
			options: func(o *Options) { o.Hosts = append(o.Hosts, second) },
			happen: func(t *testing.T, o Options, firstDown *atomic.Bool) {
				n.DeleteQueue(t, o.VHost, queue)
				firstDown.Store(true)
				n.CloseConnections(t, "first host goes down")
			},
			lost: true, words: []string{second, `queue "flows"`, "was deleted"},
		},
		"vhost deleted": {
			happen: func(t *testing.T, o Options, _ *atomic.Bool) { n.Ctl(t, "delete_vhost", o.VHost) },
			lost:   true, words: []string{"vhost was deleted"},
		},
		"exchange deleted": {
			options: func(o *Options) { o.Exchange, o.RoutingKey = "door", "k" },
			happen: func(t *testing.T, o Options, _ *atomic.Bool) {
				if err := channelOf(t, n, o.VHost).ExchangeDelete("door", false, false); err != nil {
					t.Fatal(err)
				}
			},
			words: []string{"NOT_FOUND", `"door"`},
		},
		"queue unbound": {
			options: func(o *Options) { o.Exchange, o.RoutingKey = "door", "k" },
			happen: func(t *testing.T, o Options, _ *atomic.Bool) {
				if err := channelOf(t, n, o.VHost).QueueUnbind(queue, "k", "door", nil); err != nil {
					t.Fatal(err)
				}
			},
			words: []string{"unroutable", "bind it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			vhost := fmt.Sprintf("lost-%d", time.Now().UnixNano())
			n.Ctl(t, "add_vhost", vhost)
			n.Ctl(t, "set_permissions", "-p", vhost, rabbittest.User, ".*", ".*", ".*")
			if name != "vhost deleted" {
				t.Cleanup(func() { n.Ctl(t, "delete_vhost", vhost) })
			}
			n.DeclareQueue(t, vhost, queue, nil)
			ch := channelOf(t, n, vhost)
			err := ch.ExchangeDeclare("door", "direct", true, false, false, false, nil)
			if err == nil {
				err = ch.QueueBind(queue, "k", "door", false, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			o := options(t, n, vhost)
			var firstDown atomic.Bool
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == second {
					address = n.Addr()
				} else if firstDown.Load() {
					return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("host is down")}
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			if c.options != nil {
				c.options(&o)
			}
			p := open(t, o)
			send(t.Context(), p, 0, 20, 100, 8).await(t)
			c.happen(t, o, &firstDown)
			err = nil
			eventually(t, 20*time.Second, "an error", func() bool {
				err = p.Send(t.Context(), message(20, 100))
				return err != nil
			})
			wantError(t, err, transport.Misconfigured, c.words...)
			if got := errors.Is(err, transport.ErrDestinationLost); got != c.lost {
				t.Errorf("error %v says that messages are lost: %v, want %v", err, got, c.lost)
			}
		})
	}
	t.Run("nothing was confirmed", func(t *testing.T) {
		o := options(t, n, n.VHost(t))
		o.RoutingKey = "nowhere"
		err := open(t, o).Send(t.Context(), message(0, 100))
		wantError(t, err, transport.Misconfigured, "unroutable")
		if errors.Is(err, transport.ErrDestinationLost) {
			t.Errorf("error %v says that messages are lost", err)
		}
	})
}
