package amqp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

func TestNack(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, amqp091.Table{"x-max-length": int32(10), "x-overflow": "reject-publish"})
	o := options(t, n, vhost)
	o.Attempts = 4

	t.Run("retried to the limit", func(t *testing.T) {
		p := open(t, o)
		began := time.Now()
		s := send(t.Context(), p, 0, 40, 100, 16)
		s.wg.Wait()
		if took := time.Since(began); took > o.RetryTimeout/2 {
			t.Errorf("took %v", took)
		}
		// The queue takes ten messages, and those that arrive together with the tenth.
		if s.ok < 10 || len(s.errs) == 0 {
			t.Errorf("%d confirmed and %d failed of 40 messages for a queue of 10", s.ok, len(s.errs))
		}
		for _, err := range s.errs {
			wantError(t, err, transport.Retry, "given up after", "nack", `"flows"`)
		}
		st := p.Stats()
		if got := n.QueueLen(t, vhost, queue); got != s.ok || st.Confirmed != int64(s.ok) {
			t.Errorf("%d messages in the queue, %d sends that were confirmed, stats %+v", got, s.ok, st)
		}
		if st.Nacked < 4 || st.Published < st.Confirmed+st.Nacked {
			t.Errorf("stats are %+v", st)
		}
	})
	t.Run("given up for all when none gets through", func(t *testing.T) {
		p := open(t, o)
		send(t.Context(), p, 0, 500, 100, 32).awaitFailure(t, transport.Retry, "given up after", "nack")
		if st := p.Stats(); st.Published > int64(o.Window*o.Attempts) {
			t.Errorf("the publisher did not give up: %+v", st)
		}
	})
	t.Run("goes on when there is room again", func(t *testing.T) {
		o.Attempts = 100
		happened := watchLog(t, &o)
		p := open(t, o)
		s := send(t.Context(), p, 1000, 1008, 100, 8)
		eventually(t, 10*time.Second, "a nack", happened("message_nacked"))
		all := n.Drain(t, vhost, queue) // may take messages that come while it drains
		s.await(t)
		all = slices.DeleteFunc(append(all, n.Drain(t, vhost, queue)...), func(d amqp091.Delivery) bool {
			return len(d.MessageId) < len(id(1000)) // from the tests above
		})
		wantDelivered(t, all, 1000, 1008, 100, exactlyOnce)
	})
}

func TestClosedByOperator(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	o := options(t, n, vhost)
	o.Connections = 2
	p := open(t, o)
	const count = 3000
	s := send(t.Context(), p, 0, count, 5000, 32)
	for _, at := range []int{300, 1200} {
		eventually(t, 30*time.Second, fmt.Sprintf("%d confirmations", at), func() bool { return s.confirmed() >= at })
		if n.CloseConnections(t, "the operator's own reason") == 0 {
			t.Fatal("there was no connection to close")
		}
	}
	s.await(t)
	wantInQueue(t, n, vhost, 0, count, 5000, atLeastOnce)
	if st := p.Stats(); st.Reconnects == 0 || st.Resent == 0 || st.Confirmed != count || st.Nacked != 0 {
		t.Errorf("stats are %+v", st)
	}
}

func TestConfirmationNeverComes(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, nil)
	queueProcess := func(action string) {
		n.Eval(t, fmt.Sprintf(`{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"%s">>)), sys:%s(amqqueue:get_pid(Q))`, vhost, queue, action))
	}
	o := options(t, n, vhost)
	o.ConfirmTimeout, o.ConnectionTimeout = time.Second, time.Second

	t.Run("and then it does", func(t *testing.T) {
		happened := watchLog(t, &o)
		p := open(t, o)
		send(t.Context(), p, 0, 10, 100, 8).await(t)
		queueProcess("suspend")
		s := send(t.Context(), p, 10, 40, 100, 8)
		eventually(t, 10*time.Second, "the loss of the connection", happened("connection_lost"))
		queueProcess("resume")
		s.await(t)
		wantInQueue(t, n, vhost, 0, 40, 100, atLeastOnce)
		if p.Stats().Resent == 0 {
			t.Error("nothing was sent again")
		}
	})
	t.Run("to the limit", func(t *testing.T) {
		o.Log, o.RetryTimeout = testLog(t), 2*time.Second
		p := open(t, o)
		queueProcess("suspend")
		defer queueProcess("resume")
		began := time.Now()
		send(t.Context(), p, 0, 40, 100, 8).awaitFailure(t, transport.Retry, n.Addr())
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestBlocked(t *testing.T) {
	n := rabbittest.Shared(t)
	// Large messages fill the socket's buffers, so that a write is held up; small
	// ones are written, and wait for their confirmation.
	for name, size := range map[string]int{"cleared, writing": 2 << 20, "cleared, waiting": 1000} {
		t.Run(name, func(t *testing.T) {
			vhost := n.VHost(t)
			o := options(t, n, vhost)
			// On a busy machine the broker takes more than a second to say that it blocks.
			o.ConfirmTimeout, o.WriteTimeout = 3*time.Second, 3*time.Second
			happened := watchLog(t, &o)
			p := open(t, o)
			send(t.Context(), p, 0, 10, 100, 8).await(t)
			n.MemoryAlarm(t, true)
			s := send(t.Context(), p, 10, 42, size, 32)
			eventually(t, 10*time.Second, "blocked", happened("broker_blocked"))
			pause(t.Context(), 2*o.WriteTimeout) // the timeouts must not fire
			n.MemoryAlarm(t, false)
			s.await(t)
			if st := p.Stats(); st.Resent+st.Reconnects != 0 || n.QueueLen(t, vhost, queue) != 42 {
				t.Errorf("stats are %+v", st)
			}
		})
	}
	t.Run("before the run, and for good", func(t *testing.T) {
		o := options(t, n, n.VHost(t))
		o.BlockedTimeout = time.Second
		n.MemoryAlarm(t, true)
		defer n.MemoryAlarm(t, false)
		p := open(t, o)
		began := time.Now()
		send(t.Context(), p, 0, 30, 2<<20, 16).awaitFailure(t, transport.Retry, "blocked", n.Addr(), "free memory")
		closeWithin(t, p, 2*closeTimeout+time.Second)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestSendStopped(t *testing.T) {
	n := rabbittest.Shared(t)
	o := options(t, n, n.VHost(t))
	o.BlockedTimeout = time.Minute
	p := open(t, o)
	n.MemoryAlarm(t, true)
	defer n.MemoryAlarm(t, false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	errs := make(chan error)
	for i := range 40 {
		go func() {
			m := message(i, 2<<20)
			err := p.Send(ctx, m)
			clear(m.Body) // the race detector reports anybody who still reads the body
			errs <- err
		}()
	}
	for range 40 {
		wantError(t, <-errs, transport.Retry, "before the run was stopped")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestFailover(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	_, port, err := net.SplitHostPort(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	first, second := n.Addr(), net.JoinHostPort("127.0.0.9", port)
	down, kill := context.WithCancel(t.Context())
	o := options(t, n, vhost)
	o.Hosts = []string{deadHost(t), first, second}
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == first && down.Err() != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("host is down")}
		}
		if address == second {
			address = first // the node listens there only
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	p := open(t, o)
	s := send(t.Context(), p, 0, 500, 100, 16)
	eventually(t, 10*time.Second, "a hundred confirmations", func() bool { return s.confirmed() > 100 })
	kill()
	n.CloseConnections(t, "first host goes down")
	s.await(t)
	wantInQueue(t, n, vhost, 0, 500, 100, atLeastOnce)
	// All messages may have been confirmed before the first host went down.
	eventually(t, 10*time.Second, "the second host to be in use", func() bool { return o.Hosts[p.host.Load()] == second })
}

func TestClosedPublisher(t *testing.T) {
	n := rabbittest.Shared(t)
	p := open(t, options(t, n, n.VHost(t)))
	closeWithin(t, p, soon)
	wantError(t, p.Send(t.Context(), message(0, 10)), transport.Retry, "closed")
}
