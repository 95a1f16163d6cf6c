package soak

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

// killTest runs a sender that is killed again and again, over logs that do not change.
type killTest struct {
	*site
	*audit
	t     *testing.T
	kills int
}

func newKillTest(t *testing.T) *killTest {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tstat")
	g, err := loggen.New(loggen.Options{Seed: 3, Dirt: 0.02, Cut: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Tree(root, 6, 400<<10); err != nil {
		t.Fatal(err)
	}
	return &killTest{site: newSite(t, rabbittest.Shared(t)), audit: newAudit(t, root), t: t}
}

func (k *killTest) start(failpoint string) *testkit.Program {
	k.t.Helper()
	tags := ""
	if failpoint != "" {
		tags = "failpoints"
	}
	cmd := exec.Command(testkit.Binary(k.t, "tstat_send", tags),
		"-d", k.root, "-c", k.config, "-S", sensor, "-T", "0", "--window", "4")
	cmd.Env = append(cmd.Environ(), "TSTAT_FAILPOINT="+failpoint)
	return testkit.Start(k.t, cmd)
}

// wait waits for the end of a run, checks the run, and reports whether it was killed. drained are
// the messages of the run that the test has already taken out of the queue.
func (k *killTest) wait(p *testkit.Program, what string, drained ...amqp091.Delivery) (killed bool) {
	k.t.Helper()
	e := wait(p)
	if !e.killed() && e.Status != 0 || e.Stuck {
		k.t.Fatalf("%s: exit status %d, stuck %v:\n%s", what, e.Status, e.Stuck, e.Log)
	}
	if e.killed() {
		k.kills++
	}
	k.checkRun(what, append(drained, k.drain()...))
	return e.killed()
}

// finish runs the sender to its end, and once more.
func (k *killTest) finish() {
	k.t.Helper()
	k.wait(k.start(""), "the run after all kills")
	k.wantComplete()
	k.wait(k.start(""), "a run over marked directories")
	if k.kills == 0 {
		k.t.Error("no run was killed")
	}
	k.t.Logf("killed %d times: %d messages, %d of them repeated", k.kills, len(k.owed), k.repeated)
}

// TestDeathAtEveryPoint kills tstat_send at each failpoint: the first run when it comes there
// for the first time, further runs after more and more times.
func TestDeathAtEveryPoint(t *testing.T) {
	for _, point := range []struct{ name, when string }{
		{"publishing", "before a message is published"},
		{"confirmed", "when a message is confirmed and not yet counted"},
		{"settled", "when all of a directory is confirmed and its mark not begun"},
		{"created", "when a temporary state file is still empty"},
		{"unsynced", "when a temporary state file is written and not yet synced"},
		{"written", "when a temporary state file is synced and not yet renamed"},
		{"renamed", "when a state file is renamed and its directory not yet synced"},
	} {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			k := newKillTest(t)
			k.proxy.Bandwidth(2 << 20) // so that a run lasts long enough to update .processing
			for n, step := 1, 1; ; n += step {
				if n > 5 { // a run comes to some failpoints hundreds of times
					step = 1 + n/2
				}
				what := fmt.Sprintf("killed %s, the %dth time", point.when, n)
				if !k.wait(k.start(fmt.Sprintf("%s:%d", point.name, n)), what) {
					break
				}
			}
			k.proxy.Bandwidth(0)
			k.finish()
		})
	}
}

// TestDeathWithinTheWindow kills tstat_send while the broker has messages whose
// confirmations have not arrived.
func TestDeathWithinTheWindow(t *testing.T) {
	t.Parallel()
	k := newKillTest(t)
	for kill := range 6 {
		what := fmt.Sprintf("killed within the window, run %d", kill)
		k.proxy.Bandwidth(400 << 10) // so that the run lasts until the replies are dropped
		p := k.start("")
		var drained []amqp091.Delivery
		drain := func() int {
			if !p.Running() {
				t.Fatalf("%s: the run ended by itself:\n%s", what, p.Errs.String())
			}
			drained = append(drained, k.Node.Drain(t, k.VHost, queue)...)
			return len(drained)
		}
		testkit.Await(t, "messages to arrive", func() bool { return drain() >= 3*(kill+1) })
		k.proxy.DropReplies(true)
		before := drain() // these messages may have been confirmed before the replies were dropped
		testkit.Await(t, "messages to arrive that are not confirmed", func() bool { return drain() > before })
		p.Signal(syscall.SIGKILL)
		k.proxy.Bandwidth(0)
		if !k.wait(p, what, drained...) {
			t.Errorf("%s: was not killed", what)
		}
		k.proxy.DropReplies(false)
	}
	k.finish()
	if k.repeated == 0 {
		t.Error("nothing was repeated: no kill hit the window")
	}
}

// TestDeathAtRandom kills tstat_send at random moments of runs that last a few seconds, so
// that some of them update .processing.
func TestDeathAtRandom(t *testing.T) {
	t.Parallel()
	k := newKillTest(t)
	k.proxy.Bandwidth(300 << 10)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for kill := range 20 {
		delay := time.Duration(r.Int64N(int64(3 * time.Second)))
		p := k.start("")
		if p.RunsFor(delay) {
			p.Signal(syscall.SIGKILL)
		}
		if !k.wait(p, fmt.Sprintf("killed after %v, run %d", delay, kill)) {
			break
		}
	}
	k.proxy.Bandwidth(0)
	k.finish()
}
