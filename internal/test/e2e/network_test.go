package e2e

import (
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/transport"
)

// TestConnectionReset: twice in one run, with messages unconfirmed.
func TestConnectionReset(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D", "--connections", "1")
	for _, at := range []int{5, 25} {
		s.arrived(p, at)
		if proxy.ResetPeer() == 0 {
			t.Fatal("there was no connection to reset")
		}
	}
	proxy.Bandwidth(0)
	r := p.wait().want(allDone, "connection_lost")
	if n := strings.Count(r.Log, "event=connected"); n != 3 {
		t.Errorf("connected %d times, want 3", n)
	}
	s.direct()
	s.complete()
}

// TestClosedByOperator: 320, and the second login works.
func TestClosedByOperator(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D")
	proxy.Bandwidth(slow / 50) // rabbitmqctl may take seconds to start
	s.Node.Ctl(t, "close_all_connections", "--vhost", s.VHost, "maintenance tonight")
	p.says("maintenance tonight")
	proxy.Bandwidth(0)
	p.wait().want(allDone, "320")
	s.direct()
	s.complete()
}

// TestBrokerAwayForGood: the broker goes in mid-run, and does not come back.
func TestBrokerAwayForGood(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay()
	proxy.Down()
	p.wait().want(tryAgain, proxy.Addr(), "event=not_delivered").within(110 * time.Second)
	s.direct()
	s.recover()
}

// TestHalfOpen: packets vanish in mid-run, for good, on connections that stay
// open and on new ones.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	s.Rabbit["heartbeat"], s.Rabbit["connection_timeout"] = "1", "2"
	p, proxy := s.underWay()
	proxy.DropPackets(true)
	p.wait().want(tryAgain, proxy.Addr(), "heartbeat", "no answer within 2s").within(110 * time.Second)
	s.direct()
	s.recover()
}

// TestConfirmationsVanish: the broker takes everything and what it says is
// lost. What it has is not known to be confirmed, and comes again.
func TestConfirmationsVanish(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	s.Node.DeclareQueue(t, s.VHost, queue, nil)
	proxy := s.Through()
	proxy.Bandwidth(slow)
	o := s.impatient()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		testkit.Await(t, "messages in the queue", func() bool { return s.Queued() >= 5 })
		proxy.Bandwidth(0)
		proxy.DropReplies(true)
	}()
	err := s.runInside(o)
	<-stop
	wantKind(t, err, transport.Retry, proxy.Addr())
	s.direct()
	s.recover()
}

// TestLinkStands: for some seconds nothing moves, in either direction, and then
// everything goes on. Nothing comes twice, since no time-out has passed.
func TestLinkStands(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.Rabbit["heartbeat"] = "60"
	p, proxy := s.underWay()
	proxy.Hold(true)
	elapsed(t, 3*time.Second)
	proxy.Hold(false)
	proxy.Bandwidth(0)
	p.wait().want(allDone)
	s.direct()
	s.complete()
}

// TestSlowLink: a slow link is no fault, and memory stays bounded.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.Rabbit["confirm_timeout"] = "60"
	proxy := s.Through()
	proxy.Bandwidth(slow / 2)
	proxy.Latency(5 * time.Millisecond)
	r, memory := s.start().waitMeasured()
	r.want(allDone)
	if memory > memoryLimit {
		t.Errorf("%d MB of memory", memory>>20)
	}
	t.Logf("%d MB of memory", memory>>20)
	s.direct()
	s.complete()
}

// TestFailover: the first host goes in mid-run, the second has another name.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	first, second := faultproxy.Start(t, s.Node.Addr()), faultproxy.Start(t, s.Node.Addr())
	first.Bandwidth(slow)
	s.Rabbit["host"] = first.Addr() + ", " + strings.Replace(second.Addr(), "127.0.0.1", "localhost", 1)
	p := s.start("-D")
	s.arrived(p, 5)
	first.Down()
	p.wait().want(allDone, "localhost:")
	s.complete()
}

// wantKind wants an error of a kind that says all of words.
func wantKind(t *testing.T, err error, kind transport.Verdict, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	noSecret(t, err.Error())
	if got := transport.VerdictOf(err); got != kind {
		t.Errorf("error %q is of kind %d, want %d", err, got, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// elapsed lets time pass that a fault has to last.
func elapsed(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
