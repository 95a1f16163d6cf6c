package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/testsite"
)

const (
	queue  = testsite.Queue
	sensor = testsite.Sensor
)

// site is a sensor with a root of logs, and the broker that it sends to.
type site struct {
	*testsite.Site
	t       *testing.T
	root    string
	args    []string           // arguments of every run besides -d, -c and -S
	got     []amqp091.Delivery // all messages that were taken out of the queue so far
	repeats bool               // whether messages may arrive more than once
}

// newSite makes a site on the node that the tests share.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, rabbittest.Shared(t))
}

// newSiteOn makes a site with a vhost of its own on a node. The site has no logs.
func newSiteOn(t *testing.T, n *rabbittest.Node) *site {
	t.Helper()
	s := &site{Site: testsite.New(t, n), t: t, root: filepath.Join(t.TempDir(), "tstat"), args: []string{"-T", "0"}}
	if err := os.Mkdir(s.root, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// clone returns a copy of the site for the subtest t, with a configuration of
// its own.
func (s *site) clone(t *testing.T) *site {
	own := *s
	own.Site, own.t = s.Clone(t), t
	return &own
}

// commandLine returns the arguments of a run.
func (s *site) commandLine(args ...string) []string {
	return slices.Concat([]string{"-d", s.root, "-c", s.ConfigFile(), "-S", sensor}, s.args, args)
}

// start starts tstat_send.
func (s *site) start(args ...string) *program {
	s.t.Helper()
	return start(s.t, "tstat_send", s.commandLine(args...)...)
}

// send runs tstat_send to its end.
func (s *site) send(args ...string) result {
	s.t.Helper()
	return s.start(args...).wait()
}

// cull runs tstat_cull without a TTL.
func (s *site) cull(args ...string) result {
	s.t.Helper()
	return run(s.t, "tstat_cull", slices.Concat([]string{"-d", s.root, "-t", "0"}, args)...)
}

// collect takes all messages out of the queue.
func (s *site) collect() {
	s.t.Helper()
	s.got = append(s.got, s.Drain()...)
}

// awaitArrived waits until the queue holds at least count messages from the running p.
func (s *site) awaitArrived(p *program, count int) {
	s.t.Helper()
	testkit.Await(s.t, strconv.Itoa(count)+" messages in the queue", func() bool {
		s.t.Helper()
		running := p.Running() // looked at first: the last messages may arrive just before the end
		if s.Queued() >= count {
			return true
		}
		if !running {
			s.t.Fatalf("the run ended before %d messages were there:\n%s", count, p.Errs.String())
		}
		return false
	})
}

// expected returns the messages of all logs of the site, by message id.
func (s *site) expected() map[string]owedMessage {
	s.t.Helper()
	return messagesBelow(s.t, s.root, "")
}

// ofDirectory returns the messages of the logs in one directory, by message id.
func (s *site) ofDirectory(dir string) map[string]owedMessage {
	s.t.Helper()
	return messagesIn(s.t, s.root, dir, "")
}

// directories returns the paths of the *.out directories, relative to the root.
func (s *site) directories() []string {
	s.t.Helper()
	return outDirectories(s.t, s.root)
}

// marked reports whether a directory has a mark.
func (s *site) marked(dir string) bool { return exists(filepath.Join(s.root, dir, ".processed")) }

// checkArrived compares the messages that arrived so far with the logs. Each message must be
// a message of a log, and all messages of marked directories must have arrived. It returns
// how many messages arrived again.
func (s *site) checkArrived() (repeated int) {
	s.t.Helper()
	s.collect()
	expected, seen := s.expected(), map[string]string{}
	wrong := 0
	complain := func(format string, args ...any) {
		s.t.Helper()
		if wrong++; wrong <= 5 {
			s.t.Errorf(format, args...)
		}
	}
	for _, d := range s.got {
		body, again := seen[d.MessageId]
		want, known := expected[d.MessageId]
		switch {
		case again && body != string(d.Body):
			complain("message %s came again with another body", d.MessageId)
		case again:
			if repeated++; !s.repeats {
				complain("message %s came again", d.MessageId)
			}
		case !known:
			complain("message %s is not a message of a log", d.MessageId)
		case !want.equals(s.t, d.Body):
			complain("message %s differs from the reference's:\n%s", d.MessageId, d.Body[:min(len(d.Body), 600)])
		case d.DeliveryMode != amqp091.Persistent || d.ContentType != "application/json":
			complain("message %s has delivery mode %d and is %q", d.MessageId, d.DeliveryMode, d.ContentType)
		}
		seen[d.MessageId] = string(d.Body)
	}
	for _, dir := range s.directories() {
		if !s.marked(dir) {
			continue
		}
		for id := range s.ofDirectory(dir) {
			if _, ok := seen[id]; !ok {
				complain("%s is marked, and message %s has not arrived", dir, id)
			}
		}
	}
	return repeated
}

// wantComplete wants all messages of the logs to have arrived, every directory to be marked,
// and another run to send nothing.
func (s *site) wantComplete() {
	s.t.Helper()
	for _, dir := range s.directories() {
		if !s.marked(dir) {
			s.t.Errorf("%s is not marked", dir)
		}
		if exists(filepath.Join(s.root, dir, ".processing")) {
			s.t.Errorf("%s has a .processing", dir)
		}
	}
	repeated := s.checkArrived()
	if repeated > 0 {
		s.t.Logf("%d of %d messages came again", repeated, len(s.got))
	}
	if n := s.send().want(allDone).count("published"); n > 0 {
		s.t.Errorf("a run over marked directories sent %d messages", n)
	}
}

// wantRecovery checks what a run with a fault has delivered and marked, and wants a run
// without a fault, and without a proxy, to deliver the rest.
func (s *site) wantRecovery() {
	s.t.Helper()
	s.direct()
	s.checkArrived()
	s.send().want(allDone)
	s.wantComplete()
}

// wantNoneMarked wants no directory to be marked.
func (s *site) wantNoneMarked() {
	s.t.Helper()
	for _, dir := range s.directories() {
		if s.marked(dir) {
			s.t.Errorf("%s is marked", dir)
		}
	}
}

// wantMessages takes all messages out of the queue, and wants them to be exactly these, once
// each.
func (s *site) wantMessages(what string, want map[string]owedMessage) {
	s.t.Helper()
	seen := map[string]bool{}
	for _, d := range s.Drain() {
		m, known := want[d.MessageId]
		if !known || seen[d.MessageId] {
			s.t.Errorf("%s: message %s: known %v, seen before %v", what, d.MessageId, known, seen[d.MessageId])
		} else if !m.equals(s.t, d.Body) {
			s.t.Errorf("%s: message %s differs from the reference's", what, d.MessageId)
		}
		seen[d.MessageId] = true
	}
	for id := range want {
		if !seen[id] {
			s.t.Errorf("%s: message %s has not arrived", what, id)
		}
	}
}
