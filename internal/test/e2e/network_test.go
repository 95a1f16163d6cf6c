package e2e

import (
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/transport"
)

// TestConnectionReset resets the connection twice in one run, with messages unconfirmed.
func TestConnectionReset(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D", "--connections", "1")
	for _, at := range []int{5, 25} {
		s.awaitArrived(p, at)
		if proxy.ResetConnections() == 0 {
			t.Fatal("there was no connection to reset")
		}
	}
	r := s.wantDelivered(p, proxy, "connection_lost")
	if n := strings.Count(r.Log, "event=connected"); n != 3 {
		t.Errorf("connected %d times, want 3", n)
	}
}

// TestClosedByOperator: an operator closes all connections (320). The next login works.
func TestClosedByOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D")
	proxy.Bandwidth(slow / 50) // rabbitmqctl may take seconds to start
	s.Node.Ctl(t, "close_all_connections", "--vhost", s.VHost, "maintenance tonight")
	p.awaitLog("maintenance tonight")
	s.wantDelivered(p, proxy, "(320)")
}

// TestBrokerAwayForGood: the broker goes away in mid-run and does not come back.
func TestBrokerAwayForGood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay()
	proxy.Down()
	p.wait().want(tryAgain, proxy.Addr(), "event=not_delivered")
	s.wantRecovery()
}

// TestHalfOpen: from mid-run on, all packets vanish, on connections that stay open and on
// new ones.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	s.Rabbit["heartbeat"], s.Rabbit["connection_timeout"] = "1", "2"
	p, proxy := s.underWay()
	proxy.DropPackets(true)
	p.wait().want(tryAgain, proxy.Addr(), "heartbeat", "no answer within 2s")
	s.wantRecovery()
}

// TestConfirmationsVanish: from mid-run on, the broker receives messages, and its replies are
// lost. The next run sends the unconfirmed messages again.
func TestConfirmationsVanish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	proxy := s.Through()
	proxy.Bandwidth(slow)
	wait := s.startInside(s.impatient())
	testkit.Await(t, "messages in the queue", func() bool { return s.Queued() >= 5 })
	proxy.Bandwidth(0)
	proxy.DropReplies(true)
	wantVerdict(t, wait(), transport.Retry, proxy.Addr())
	s.wantRecovery()
}

// TestLinkStands: the link stands still for some seconds in both directions. No message
// arrives twice, since no time-out fires.
func TestLinkStands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.Rabbit["heartbeat"] = "60"
	p, proxy := s.underWay()
	proxy.Hold(true)
	testkit.Pause(t.Context(), 3*time.Second)
	proxy.Hold(false)
	s.wantDelivered(p, proxy)
}

// TestSlowLink: a run over a slow link succeeds, and its memory stays bounded.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.Rabbit["confirm_timeout"] = "60"
	proxy := s.Through()
	proxy.Bandwidth(slow / 2)
	proxy.Latency(5 * time.Millisecond)
	s.start().waitMeasured().want(allDone)
	s.direct()
	s.wantComplete()
}

// TestFailover: the first host goes away in mid-run. The second host has another name.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	first, second := faultproxy.Start(t, s.Node.Addr()), faultproxy.Start(t, s.Node.Addr())
	first.Bandwidth(slow)
	s.Rabbit["host"] = first.Addr() + ", " + strings.Replace(second.Addr(), "127.0.0.1", "localhost", 1)
	p := s.start("-D")
	s.awaitArrived(p, 5)
	first.Down()
	p.wait().want(allDone, "localhost:")
	s.wantComplete()
}

// wantVerdict wants an error with a verdict and with a text that contains all words.
func wantVerdict(t *testing.T, err error, want transport.Verdict, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	noSecret(t, err.Error())
	if got := transport.VerdictOf(err); got != want {
		t.Errorf("error %q has the verdict %d, want %d", err, got, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
