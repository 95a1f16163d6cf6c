package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// TestOwnNode holds what is done to a whole node, one after another.
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
	s := newSite(t, n)
	s.fill()
	n.MemoryAlarm(t, true)
	p := s.start()
	p.says("event=broker_blocked")
	n.MemoryAlarm(t, false)
	p.wait().want(allDone, "event=broker_unblocked")
	s.complete()
}

// The confirmations' time-out, which is shorter than the alarm, does not fire,
// and nothing comes twice.
func alarmDuring(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	// More than a message waits on the slow link, on a busy machine too.
	s.Rabbit["confirm_timeout"] = "5"
	p, proxy := s.underWay()
	n.MemoryAlarm(t, true)
	p.says("event=broker_blocked")
	elapsed(t, 6*time.Second)
	n.MemoryAlarm(t, false)
	proxy.Bandwidth(0)
	p.wait().want(allDone, "event=broker_unblocked")
	s.direct()
	s.complete()
}

func alarmForGood(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.Rabbit["blocked_timeout"] = "2"
	n.MemoryAlarm(t, true)
	defer n.MemoryAlarm(t, false)
	s.send().want(tryAgain, "has blocked publishing for 2s", "free memory or disk space").within(40 * time.Second)
	s.noneMarked()
	n.MemoryAlarm(t, false)
	// What stood in socket buffers may have been taken when the alarm ended.
	s.repeats = true
	s.recover()
}

func pausedAndResumed(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.repeats = true
	s.Rabbit["heartbeat"], s.Rabbit["connection_timeout"] = "1", "2"
	p, proxy := s.underWay()
	n.Pause()
	p.says("connection_lost")
	n.Resume()
	proxy.Bandwidth(0)
	p.wait().want(allDone)
	s.direct()
	s.complete()
}

func pausedForGood(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.repeats = true
	o := s.impatient()
	n.Pause()
	defer n.Resume()
	err := s.runInside(o)
	wantKind(t, err, transport.Retry, "no answer within 2s", n.Addr())
	s.noneMarked()
	n.Resume()
	s.recover()
}

func killed(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.repeats = true
	n.DeclareQueue(t, s.VHost, queue, nil)
	n.Persist()
	p, proxy := s.underWay()
	n.Kill()
	p.says("connection_lost")
	proxy.Bandwidth(0)
	n.Start()
	p.wait().want(allDone)
	s.direct()
	s.complete()
}

func restarted(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-D")
	n.Restart()
	proxy.Bandwidth(0)
	p.wait().want(allDone, "connection_lost")
	s.direct()
	s.complete()
}

// The host answers, as one does on which the broker is being restarted, and the
// broker does not yet. Where nobody answers at all the run soon ends:
// TestExitStatus.
func awayAtFirst(t *testing.T, n *rabbittest.Node) {
	s := newSite(t, n)
	s.fill()
	s.Through()
	n.Stop()
	p := s.start()
	p.says("broker_unreachable")
	n.Start()
	p.wait().want(allDone)
	s.direct()
	s.complete()
}

// TestPasswordChanged in mid-run, at the broker and in password_file: the next
// login uses the new password.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, []byte(secret+"\n"))
	delete(s.Rabbit, "password")
	s.Rabbit["password_file"] = file
	p, proxy := s.underWay()
	proxy.Bandwidth(slow / 50) // rabbitmqctl may take seconds to start
	s.Node.Ctl(t, "change_password", s.User, secret+"new")
	write(t, file, []byte(secret+"new\n"))
	proxy.ResetPeer()
	proxy.Bandwidth(0)
	p.wait().want(allDone, "connection_lost")
	s.direct()
	s.complete()
}
