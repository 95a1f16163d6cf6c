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

// mortal runs a sender that is killed again and again, over logs that do not change.
type mortal struct {
	*site
	*audit
	kills int
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tstat")
	g, err := loggen.New(loggen.Options{Seed: 3, Dirt: 0.02, Cut: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Tree(root, 6, 400<<10); err != nil {
		t.Fatal(err)
	}
	return &mortal{site: newSite(t, rabbittest.Shared(t)), audit: newAudit(t, root)}
}

func (m *mortal) start(failpoint string) *testkit.Program {
	m.site.t.Helper()
	tags := ""
	if failpoint != "" {
		tags = "failpoints"
	}
	cmd := exec.Command(testkit.Binary(m.site.t, "tstat_send", tags),
		"-d", m.root, "-c", m.config, "-S", sensor, "-T", "0", "--window", "4")
	cmd.Env = append(cmd.Environ(), "TSTAT_FAILPOINT="+failpoint)
	return testkit.Start(m.site.t, cmd)
}

// settle waits for the end of a run and checks it. early are messages of the run that were
// taken out of the queue before. settle reports whether the run was done, not killed.
func (m *mortal) settle(p *testkit.Program, what string, early ...amqp091.Delivery) (done bool) {
	t := m.site.t
	t.Helper()
	e := wait(p)
	if !e.killed() && e.Status != 0 || e.Stuck {
		t.Fatalf("%s: exit status %d, stuck %v:\n%s", what, e.Status, e.Stuck, e.Log)
	}
	if e.killed() {
		m.kills++
	}
	m.audit.checkRun(what, append(early, m.drain()...))
	return !e.killed()
}

// finish runs the sender to its end, and once more.
func (m *mortal) finish() {
	t := m.site.t
	t.Helper()
	m.settle(m.start(""), "the run after all kills")
	m.wantComplete()
	m.settle(m.start(""), "a run over marked directories")
	if arrived := len(m.audit.seen) + m.repeated; m.kills == 0 || arrived < len(m.owed) {
		t.Errorf("%d kills, %d arrivals: nothing was tested", m.kills, arrived)
	}
	t.Logf("killed %d times: %d messages, %d of them repeated", m.kills, len(m.owed), m.repeated)
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
			m := newMortal(t)
			m.proxy.Bandwidth(2 << 20) // a run then lasts long enough for .processing to be written
			for n, step := 1, 1; ; n += step {
				if n > 5 { // a run comes to some failpoints hundreds of times
					step = 1 + n/2
				}
				what := fmt.Sprintf("killed %s, the %dth time", point.when, n)
				if m.settle(m.start(fmt.Sprintf("%s:%d", point.name, n)), what) {
					break
				}
			}
			m.proxy.Bandwidth(0)
			m.finish()
		})
	}
}

// TestDeathWithinTheWindow kills tstat_send while the broker has messages whose
// confirmations have not arrived.
func TestDeathWithinTheWindow(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	for kill := range 6 {
		what := fmt.Sprintf("killed within the window, run %d", kill)
		m.proxy.Bandwidth(400 << 10) // so that the run lasts until the replies are dropped
		p := m.start("")
		var early []amqp091.Delivery
		arrived := func(more int) func() bool {
			return func() bool {
				if !p.After(0) {
					t.Fatalf("%s: the run ended by itself:\n%s", what, p.Errs.String())
				}
				early = append(early, m.Node.Drain(t, m.VHost, queue)...)
				return len(early) >= more
			}
		}
		testkit.Await(t, "messages to arrive", arrived(3*(kill+1)))
		m.proxy.DropReplies(true)
		arrived(0)() // takes out messages whose confirmations may have passed before
		testkit.Await(t, "messages to arrive that are not confirmed", arrived(len(early)+1))
		p.Signal(syscall.SIGKILL)
		m.proxy.Bandwidth(0)
		if m.settle(p, what, early...) {
			t.Errorf("%s: was not killed", what)
		}
		m.proxy.DropReplies(false)
	}
	m.finish()
	if m.repeated == 0 {
		t.Error("nothing was repeated: no kill hit the window")
	}
}

// TestDeathAtRandom kills tstat_send at random moments of runs that last a few seconds, so
// that some of them write .processing.
func TestDeathAtRandom(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	m.proxy.Bandwidth(300 << 10)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for kill := range 20 {
		delay := time.Duration(r.Int64N(int64(3 * time.Second)))
		p := m.start("")
		if p.After(delay) {
			p.Signal(syscall.SIGKILL)
		}
		if m.settle(p, fmt.Sprintf("killed after %v, run %d", delay, kill)) {
			break
		}
	}
	m.proxy.Bandwidth(0)
	m.finish()
}
