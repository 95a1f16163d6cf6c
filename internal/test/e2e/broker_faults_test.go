package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/transport"
)

// TestOwnNode runs the faults of a whole node, one after the other on one node.
func TestOwnNode(t *testing.T) {
	t.Parallel()
	n := rabbittest.Start(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *rabbittest.Node)
	}{
		{"alarm before the run, cleared", alarmBefore},
		{"alarm in mid-run, cleared", alarmDuring},
		{"alarm for good", alarmForGood},
		{"stopped and resumed", pausedAndResumed},
		{"stopped for good", pausedForGood},
		{"killed and started", killed},
		{"restarted", restarted},
		{"away at first", awayAtFirst},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, n) })
	}
}

func alarmBefore(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	n.MemoryAlarm(t, true)
	p := s.start()
	p.awaitLog("event=broker_blocked")
	n.MemoryAlarm(t, false)
	p.wait().want(allDone, "event=broker_unblocked")
	s.wantComplete()
}

// The alarm lasts longer than confirm_timeout. The time-out does not fire, and no message
// arrives twice.
func alarmDuring(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	// Longer than messages wait on the slow link, even on a busy machine.
	s.Rabbit["confirm_timeout"] = "5"
	p, proxy := s.underWay()
	n.MemoryAlarm(t, true)
	p.awaitLog("event=broker_blocked")
	testkit.Pause(t.Context(), 6*time.Second)
	n.MemoryAlarm(t, false)
	s.wantDelivered(p, proxy, "event=broker_unblocked")
}

func alarmForGood(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	s.Rabbit["blocked_timeout"] = "2"
	n.MemoryAlarm(t, true)
	defer n.MemoryAlarm(t, false)
	s.send().want(tryAgain, "has blocked publishing for 2s", "free memory or disk space")
	s.wantNoneMarked()
	n.MemoryAlarm(t, false)
	// The broker may have read messages from its socket buffers when the alarm ended.
	s.repeats = true
	s.wantRecovery()
}

func pausedAndResumed(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	s.repeats = true
	s.Rabbit["heartbeat"], s.Rabbit["connection_timeout"] = "1", "2"
	p, proxy := s.underWay()
	n.Pause()
	p.awaitLog("connection_lost")
	n.Resume()
	s.wantDelivered(p, proxy)
}

func pausedForGood(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	s.repeats = true
	o := s.impatient()
	n.Pause()
	defer n.Resume()
	err := s.runInside(o)
	wantVerdict(t, err, transport.Retry, "no answer within 2s", n.Addr())
	s.wantNoneMarked()
	n.Resume()
	s.wantRecovery()
}

func killed(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	s.repeats = true
	n.DeclareQueue(t, s.VHost, queue, nil)
	n.Persist()
	p, proxy := s.underWay()
	n.Kill()
	p.awaitLog("connection_lost")
	n.Start()
	s.wantDelivered(p, proxy)
}

func restarted(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D")
	n.Restart()
	s.wantDelivered(p, proxy, "connection_lost")
}

// The proxy accepts connections and ends them, like a host on which the broker is being
// restarted. If no host accepts connections, the run ends soon: see TestExitStatus.
func awayAtFirst(t *testing.T, n *rabbittest.Node) {
	s := newSiteOn(t, n)
	s.fill()
	proxy := s.Through()
	n.Stop()
	p := s.start()
	p.awaitLog("broker_unreachable")
	n.Start()
	s.wantDelivered(p, proxy)
}

// TestPasswordChanged: the password changes in mid-run, at the broker and in
// password_file. The next login uses the new password.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, secret+"\n")
	delete(s.Rabbit, "password")
	s.Rabbit["password_file"] = file
	p, proxy := s.underWay()
	proxy.Bandwidth(slow / 50) // rabbitmqctl may take seconds to start
	s.Node.Ctl(t, "change_password", s.User, secret+"new")
	write(t, file, secret+"new\n")
	proxy.ResetConnections()
	s.wantDelivered(p, proxy, "connection_lost")
}
