package e2e

import (
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/testkit"
)

// TestQueueFull: the broker refuses (nack) messages that do not fit into the queue. The run
// sends them again up to the limit and gives up, or goes on when there is room.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	limited := func(t *testing.T) *site {
		s := newSite(t)
		s.fill()
		s.Node.DeclareQueue(t, s.VHost, queue, amqp091.Table{"x-max-length": int64(20), "x-overflow": "reject-publish"})
		return s
	}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		s := limited(t)
		s.repeats = true
		s.send().want(tryAgain, "nack", queue, "after 10 attempts")
		s.checkArrived()
		s.Node.DeleteQueue(t, s.VHost, queue)
		s.wantRecovery()
	})
	t.Run("for a while", func(t *testing.T) {
		t.Parallel()
		s := limited(t)
		p := s.start("-D")
		p.awaitLog("event=message_nacked")
		testkit.Await(t, "the run to end", func() bool {
			s.collect()
			return !p.Running()
		})
		p.wait().want(allDone)
		s.wantComplete()
	})
}

// TestQueueDeleted: the queue is deleted in mid-run. No returned message is overlooked.
func TestQueueDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay()
	proxy.Hold(true)
	s.deleteEmptied()
	proxy.Hold(false)
	proxy.Bandwidth(0)
	p.wait().want(misconfigured, "unroutable", "NO_ROUTE", queue, "was deleted", "create it again")
	s.wantRecovery()
}

// deleteEmptied takes all messages out of the queue and deletes it while it is empty, so
// that no confirmed message is lost.
func (s *site) deleteEmptied() {
	s.t.Helper()
	testkit.Await(s.t, "the queue to be empty and deleted", func() bool {
		s.collect()
		ch, err := s.Node.Dial(s.t, s.VHost).Channel()
		if err != nil {
			s.t.Fatal(err)
		}
		_, err = ch.QueueDelete(queue, false, true, false)
		return err == nil
	})
}

// TestAllReturned: no message reaches a queue. The broker returns a whole window.
func TestAllReturned(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.Rabbit["exchange"], s.Rabbit["routing_key"] = "amq.direct", "nowhere"
	s.send("--window", "64").want(misconfigured, "unroutable", `"amq.direct"`, `"nowhere"`)
	s.wantNoneMarked()
	s.Rabbit["exchange"], s.Rabbit["routing_key"] = "", queue
	s.wantRecovery()
}

// TestRefused: one clear message, no storm of retries, nothing marked.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*site)
		status int
		words  []string
	}{
		"password": {func(s *site) { s.Rabbit["password"] = secret + "x" },
			refused, []string{"ACCESS_REFUSED", "check username and password"}},
		"vhost": {func(s *site) { s.Rabbit["vhost"] = "nosuch" },
			misconfigured, []string{`"nosuch"`, "create the vhost"}},
		"no access to the vhost": {func(s *site) { s.Rabbit["vhost"] = "/" },
			refused, []string{`vhost "/"`, "set_permissions"}},
		"exchange": {func(s *site) { s.Rabbit["exchange"] = "nosuch" },
			misconfigured, []string{`exchange "nosuch"`, "NOT_FOUND", "create it"}},
		"declared otherwise": {func(s *site) { s.QueueOptions["x-max-length"] = "-1" },
			misconfigured, []string{"(406)", queue, "[rabbit_queue_options]"}},
		"passive and missing": {func(s *site) { s.QueueOptions["passive"] = "True" },
			misconfigured, []string{queue, "NOT_FOUND"}},
		"may not declare": {func(s *site) { s.Node.Permit(s.t, s.User, s.VHost, "^$", ".*", ".*") },
			refused, []string{"ACCESS_REFUSED", "permission", queue}},
		"may not publish": {func(s *site) {
			s.Node.DeclareQueue(s.t, s.VHost, queue, nil)
			s.Node.Permit(s.t, s.User, s.VHost, ".*", "^$", ".*")
		}, refused, []string{"ACCESS_REFUSED", "permission", "publish"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			corpus(t, "lossy_level31", s.root)
			c.change(s)
			r := s.send("-D").want(c.status, c.words...)
			if n := strings.Count(r.Log, "again_in="); n > 1 {
				t.Errorf("tried again %d times, though only an operator can help:\n%s", n, r.log())
			}
			if n := strings.Count(r.Log, "level=ERROR"); n != 1 {
				t.Errorf("%d errors, want one clear message:\n%s", n, r.log())
			}
			s.wantNoneMarked()
		})
	}
}
