package amqp

import (
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
)

// TestConformance runs the tests that every transport must pass. It has a node of its own,
// since one of the tests pauses the node.
func TestConformance(t *testing.T) {
	n := rabbittest.Start(t)
	transporttest.Run(t, func(t *testing.T) transporttest.Subject {
		vhost := n.VHost(t)
		o := options(t, n, vhost)
		n.DeclareQueue(t, vhost, queue, nil)
		return transporttest.Subject{
			Open: func(t *testing.T) transport.Transport {
				p, err := Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				return p
			},
			Received: func(t *testing.T) (bodies []string) {
				for _, d := range n.Drain(t, vhost, queue) {
					bodies = append(bodies, string(d.Body))
				}
				return bodies
			},
			Stall: func(t *testing.T) {
				n.Pause()
				t.Cleanup(n.Resume)
			},
		}
	})
	dead := deadHost(t)
	fault := func(change func(o *Options)) func(t *testing.T) (transport.Transport, error) {
		return func(t *testing.T) (transport.Transport, error) {
			o := options(t, n, n.VHost(t))
			o.RetryTimeout = time.Second
			change(&o)
			p, err := Open(t.Context(), o)
			if err != nil {
				return nil, err
			}
			return p, nil
		}
	}
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"wrong password": {
			Open:    fault(func(o *Options) { o.Password = func() string { return secret } }),
			Verdict: transport.Refused, Words: []string{"password"}, Secrets: []string{secret},
		},
		"no exchange": {
			Open:    fault(func(o *Options) { o.Exchange = "none" }),
			Verdict: transport.Misconfigured, Words: []string{"none"},
		},
		"no route": {
			Open:    fault(func(o *Options) { o.Exchange, o.RoutingKey = "amq.direct", "nowhere" }),
			Verdict: transport.Misconfigured, Words: []string{"nowhere"},
		},
		"nobody listens": {
			Open:    fault(func(o *Options) { o.Hosts = []string{dead} }),
			Verdict: transport.Retry, Words: []string{"connection refused"},
		},
	})
}
