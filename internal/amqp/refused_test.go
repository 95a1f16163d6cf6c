package amqp

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// countDials makes o count its dials in the result.
func countDials(o *Options) *atomic.Int64 {
	var count atomic.Int64
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		count.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &count
}

func TestOpenRefused(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.AddUser(t, "limited", secret, vhost, "^$", ".*", ".*")
	full := n.VHost(t)
	dead := deadHost(t)
	badAddress(t, n.Port(), func(net.Conn) {})
	n.Ctl(t, "set_vhost_limits", "-p", full, `{"max-connections":0}`)

	for name, c := range map[string]struct {
		change  func(*Options)
		verdict transport.Verdict
		words   []string
		dials   int64
	}{
		"wrong password": {
			func(o *Options) { o.Password = func() string { return secret } },
			transport.Refused, []string{n.Addr(), `"guest"`, "ACCESS_REFUSED", "check username and password"}, 2,
		},
		"wrong password at the second host, and the first hangs up": {
			func(o *Options) {
				o.Hosts = []string{net.JoinHostPort("127.0.0.2", strconv.Itoa(n.Port())), n.Addr()}
				o.Password = func() string { return secret }
			},
			transport.Refused, []string{"127.0.0.2", n.Addr(), "check username and password"}, 4,
		},
		"no access to the vhost": {
			func(o *Options) {
				o.Username, o.Password, o.VHost = "limited", func() string { return secret }, "/"
			},
			transport.Refused, []string{`user "limited"`, `vhost "/"`, "set_permissions"}, 1,
		},
		"vhost missing": {
			func(o *Options) { o.VHost = "nosuch" },
			transport.Misconfigured, []string{`"nosuch"`, "not found", "create the vhost"}, 1,
		},
		"queue may not be declared": {
			func(o *Options) {
				o.Username, o.Password = "limited", func() string { return secret }
			},
			transport.Refused, []string{"declare queue", `"flows"`, `"limited"`, "permission"}, 1,
		},
		"queue missing and passive": {
			func(o *Options) { o.QueueOptions.Passive = true },
			transport.Misconfigured, []string{"look up queue", `"flows"`, "create it"}, 1,
		},
		"queue arguments refused": {
			func(o *Options) { o.QueueOptions.Arguments = map[string]any{"x-message-ttl": "soon"} },
			transport.Misconfigured, []string{`"flows"`, "x-message-ttl", "[rabbit_queue_options]"}, 1,
		},
		"exchange missing": {
			func(o *Options) { o.Queue, o.Exchange, o.RoutingKey = "", "nosuch", "k" },
			transport.Misconfigured, []string{"exchange", `"nosuch"`, vhost, "create it"}, 1,
		},
		"connection limit": {
			func(o *Options) { o.VHost, o.RetryTimeout = full, time.Millisecond },
			transport.Retry, []string{"limit"}, openRounds,
		},
		"nobody listens": {
			func(o *Options) { o.Hosts = []string{dead} },
			transport.Retry, []string{dead, "connection refused", "check that the broker runs"}, openRounds,
		},
		"no such host": {
			func(o *Options) { unknownNames(o, "nosuch.invalid:5672") },
			transport.Misconfigured, []string{"nosuch.invalid", "check host"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, vhost)
			c.change(&o)
			dials := countDials(&o)
			began := time.Now()
			p, err := Open(t.Context(), o)
			if err == nil {
				closeWithin(t, p, 5*time.Second)
			}
			wantError(t, err, c.verdict, c.words...)
			if got := dials.Load(); got != c.dials {
				t.Errorf("dialed %d times, want %d", got, c.dials)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestOpenWaits: Open waits for a host that has answered once and then refuses
// connections, as a broker does that is being restarted.
func TestOpenWaits(t *testing.T) {
	begin := func(ctx context.Context, limit time.Duration) (dials *atomic.Int64, ended chan error) {
		o := Options{
			Hosts: []string{deadHost(t)}, Queue: queue, Log: testLog(t),
			Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, RetryTimeout: limit,
		}
		dials = countDials(&o)
		refused := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Load() != openRounds-1 {
				return refused(ctx, network, address)
			}
			dials.Add(1)
			ours, theirs := net.Pipe()
			return ours, theirs.Close()
		}
		ended = make(chan error, 1)
		go func() {
			_, err := Open(ctx, o)
			ended <- err
		}()
		return dials, ended
	}
	t.Run("to the limit", func(t *testing.T) {
		began := time.Now()
		_, ended := begin(t.Context(), time.Second)
		wantError(t, <-ended, transport.Retry, "connection refused")
		if took := time.Since(began); took < time.Second || took > 10*time.Second {
			t.Errorf("took %v, want a second", took)
		}
	})
	t.Run("until it is stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		dials, ended := begin(ctx, time.Hour)
		eventually(t, 10*time.Second, "more than openRounds dials", func() bool { return dials.Load() > openRounds })
		cancel()
		select {
		case err := <-ended:
			wantError(t, err, transport.Retry)
		case <-time.After(10 * time.Second):
			t.Error("Open did not end with its context")
		}
	})
}

func TestBadOptions(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"no host":              func(o *Options) { o.Hosts = nil },
		"not host:port":        func(o *Options) { o.Hosts = []string{"broker"} },
		"queue of 300 bytes":   func(o *Options) { o.Queue = strings.Repeat("q", 300) },
		"nowhere to go":        func(o *Options) { o.Queue = "" },
		"window is -1":         func(o *Options) { o.Window = -1 },
		"heartbeat is 1ms":     func(o *Options) { o.Heartbeat = time.Millisecond },
		"delivery mode is 3":   func(o *Options) { o.DeliveryMode = 3 },
		"queue argument x-odd": func(o *Options) { o.QueueOptions.Arguments = map[string]any{"x-odd": struct{}{}} },
	} {
		o := Options{Hosts: []string{"127.0.0.1:1"}, Queue: queue}
		change(&o)
		_, err := Open(t.Context(), o)
		wantError(t, err, transport.Misconfigured, want)
	}
}

func TestQueueIsDeclaredOnlyWhereMissing(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	o := options(t, n, vhost)
	o.QueueOptions.Arguments = map[string]any{"x-max-length": 7_000_000_000, "x-queue-mode": "lazy"}
	send(t.Context(), open(t, o), 0, 1, 100, 1).await(t)

	// RabbitMQ accepts a declaration with the options of the existing queue only. So the
	// queue has the options of o, and the second publisher declares nothing.
	if _, err := channelOf(t, n, vhost).QueueDeclare(queue, true, false, false, false,
		amqp091.Table{"x-max-length": int64(7_000_000_000), "x-queue-mode": "lazy"}); err != nil {
		t.Errorf("the queue was declared otherwise: %v", err)
	}
	o.QueueOptions = QueueOptions{AutoDelete: true}
	send(t.Context(), open(t, o), 1, 2, 100, 1).await(t)
	wantInQueue(t, n, vhost, 0, 2, 100, exactlyOnce)
}

func TestNotPermittedToPublish(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.AddUser(t, "reader", secret, vhost, ".*", "^$", ".*")
	o := options(t, n, vhost)
	o.Username, o.Password = "reader", func() string { return secret }
	send(t.Context(), open(t, o), 0, 40, 100, 16).
		awaitFailure(t, transport.Refused, "publish to exchange", `"reader"`, "permission")
}

func TestUnroutable(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	for name, count := range map[string]int{"one": 1, "a whole window and more": 64} {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, vhost)
			o.RoutingKey = "nowhere"
			p := open(t, o)
			send(t.Context(), p, 0, count, 3000, 32).
				awaitFailure(t, transport.Misconfigured, `exchange ""`, `"nowhere"`, "NO_ROUTE", "create the queue or bind it")
			if p.Stats().Returned == 0 {
				t.Error("no return was counted")
			}
			err := p.Send(t.Context(), message(0, 100))
			wantError(t, err, transport.Misconfigured, `"nowhere"`)
		})
	}
}

func TestDeletedWhilePublishing(t *testing.T) {
	n := rabbittest.Shared(t)
	for name, c := range map[string]struct {
		change func(*Options)
		words  []string
		delete func(*amqp091.Channel) error
	}{
		"queue": {
			func(*Options) {},
			[]string{"unroutable", `"flows"`},
			func(ch *amqp091.Channel) error {
				_, err := ch.QueueDelete(queue, false, false, false)
				return err
			},
		},
		"exchange": {
			func(o *Options) { o.Exchange, o.RoutingKey = "door", "k" },
			[]string{"NOT_FOUND", `"door"`, "create it"},
			func(ch *amqp091.Channel) error { return ch.ExchangeDelete("door", false, false) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			vhost := n.VHost(t)
			n.DeclareQueue(t, vhost, queue, nil)
			ch := channelOf(t, n, vhost)
			if err := ch.ExchangeDeclare("door", "direct", true, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
			if err := ch.QueueBind(queue, "k", "door", false, nil); err != nil {
				t.Fatal(err)
			}
			o := options(t, n, vhost)
			c.change(&o)
			p := open(t, o)
			send(t.Context(), p, 0, 100, 100, 8).await(t)
			if err := c.delete(ch); err != nil {
				t.Fatal(err)
			}
			send(t.Context(), p, 100, 200, 100, 8).awaitFailure(t, transport.Misconfigured, c.words...)
		})
	}
}

func TestQueueGoneAfterReconnecting(t *testing.T) {
	n := rabbittest.Shared(t)
	t.Run("durable queue", func(t *testing.T) {
		vhost := n.VHost(t)
		p := open(t, options(t, n, vhost))
		send(t.Context(), p, 0, 20, 100, 8).await(t)
		n.DeleteQueue(t, vhost, queue)
		n.CloseConnections(t, "now look")
		eventually(t, 10*time.Second, "the end of the publisher", func() bool { return p.ctx.Err() != nil })
		wantError(t, p.Send(t.Context(), message(20, 100)), transport.Misconfigured, `"flows"`, "was deleted", "who deleted it")
	})
	t.Run("exclusive queue", func(t *testing.T) {
		vhost := n.VHost(t)
		o := options(t, n, vhost)
		o.QueueOptions = QueueOptions{Exclusive: true}
		p := open(t, o)
		send(t.Context(), p, 0, 20, 100, 8).await(t)
		n.CloseConnections(t, "now look")
		eventually(t, 10*time.Second, "another connection", func() bool { return p.Stats().Reconnects == 1 })
		send(t.Context(), p, 20, 40, 100, 8).await(t)
	})
}
