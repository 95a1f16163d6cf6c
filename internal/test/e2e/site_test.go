package e2e

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// site is a sensor under test.
type site struct {
	*testsite.Site
	t    *testing.T
	root string
	// args are given to every run, besides -d, -c, -S.
	args []string
	// got is all that was taken out of the queue so far.
	got []amqp091.Delivery
	// repeats: messages may arrive more than once.
	repeats bool
}

// newSite makes a site with a vhost of its own, without logs.
func newSite(t *testing.T, n *rabbittest.Node) *site {
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

func (s *site) command(args ...string) []string {
	return slices.Concat([]string{"-d", s.root, "-c", s.ConfigFile(), "-S", sensor}, s.args, args)
}

// start starts tstat_send, and send runs it to its end.
func (s *site) start(args ...string) *program {
	s.t.Helper()
	return start(s.t, "tstat_send", s.command(args...)...)
}

func (s *site) send(args ...string) result {
	s.t.Helper()
	return s.start(args...).wait()
}

// collect takes what is in the queue.
func (s *site) collect() {
	s.t.Helper()
	s.got = append(s.got, s.Drain()...)
}

// arrived waits until the queue holds count messages at least.
func (s *site) arrived(p *program, count int) {
	s.t.Helper()
	testkit.Await(s.t, strconv.Itoa(count)+" messages in the queue", func() bool {
		s.t.Helper()
		if n := s.Queued(); n >= count {
			return true
		}
		if !p.running() {
			s.t.Fatalf("the run ended before %d messages were there:\n%s", count, p.Errs.String())
		}
		return false
	})
}

// expected are the messages that all logs of the site become, by message id.
func (s *site) expected() map[string]message {
	s.t.Helper()
	all := map[string]message{}
	for _, dir := range s.directories() {
		maps.Copy(all, s.ofDirectory(dir))
	}
	return all
}

// ofDirectory is the part of expected that comes from one directory.
func (s *site) ofDirectory(dir string) map[string]message {
	s.t.Helper()
	all := map[string]message{}
	entries, err := os.ReadDir(filepath.Join(s.root, dir))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		name, _ := strings.CutSuffix(e.Name(), ".gz")
		if kind, ok := kinds[name]; ok && e.Type().IsRegular() {
			maps.Copy(all, messagesOf(s.t, filepath.Join(s.root, dir, e.Name()), kind,
				fmt.Sprintf("%s/0/%s/%s", sensor, dir, name), "0", ""))
		}
	}
	return all
}

// directories are the names of the site's directories, relative to its root.
func (s *site) directories() []string {
	s.t.Helper()
	var dirs []string
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(path, ".out") {
			rel, err := filepath.Rel(s.root, path)
			dirs = append(dirs, rel)
			return cmp.Or(err, fs.SkipDir)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return dirs
}

// marked says whether a directory has its mark.
func (s *site) marked(dir string) bool {
	_, err := os.Lstat(filepath.Join(s.root, dir, ".processed"))
	return err == nil
}

// check holds what arrived so far against the logs: nothing but the messages
// of the logs, each as it must be, and, of a marked directory, all of them.
// It returns how many messages arrived again.
func (s *site) check() (repeated int) {
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
			complain("message %s is none of the logs'", d.MessageId)
		case !want.is(s.t, d.Body):
			complain("message %s is not what its rows become:\n%s", d.MessageId, d.Body[:min(len(d.Body), 600)])
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

// complete wants everything in the logs to have arrived and every directory to
// be marked, and that another run finds nothing to do.
func (s *site) complete() {
	s.t.Helper()
	for _, dir := range s.directories() {
		if !s.marked(dir) {
			s.t.Errorf("%s is not marked", dir)
		}
		if _, err := os.Lstat(filepath.Join(s.root, dir, ".processing")); err == nil {
			s.t.Errorf("%s is done and has a .processing", dir)
		}
	}
	repeated := s.check()
	if repeated > 0 {
		s.t.Logf("%d of %d messages came again", repeated, len(s.got))
	}
	if n := s.send().want(allDone).count("published"); n > 0 {
		s.t.Errorf("a run over what is done sent %d messages", n)
	}
}

// recover checks what a run that met a fault has left, and that a run without
// one delivers the rest.
func (s *site) recover() {
	s.t.Helper()
	s.check()
	s.send().want(allDone)
	s.complete()
}

// noneMarked wants no directory to be marked.
func (s *site) noneMarked() {
	s.t.Helper()
	for _, dir := range s.directories() {
		if s.marked(dir) {
			s.t.Errorf("%s is marked", dir)
		}
	}
}

// shared is a site on the node that the tests share.
func shared(t *testing.T) *site {
	t.Helper()
	return newSite(t, rabbittest.Shared(t))
}

// wantMessages wants exactly these messages in the queue, once each.
func (s *site) wantMessages(what string, want map[string]message) {
	s.t.Helper()
	seen := map[string]bool{}
	for _, d := range s.Node.Drain(s.t, s.VHost, queue) {
		m, known := want[d.MessageId]
		if !known || seen[d.MessageId] {
			s.t.Errorf("%s: message %s: of the log: %v, twice: %v", what, d.MessageId, known, seen[d.MessageId])
		} else if !m.is(s.t, d.Body) {
			s.t.Errorf("%s: message %s is not what its rows become", what, d.MessageId)
		}
		seen[d.MessageId] = true
	}
	for id := range want {
		if !seen[id] {
			s.t.Errorf("%s: message %s has not arrived", what, id)
		}
	}
}
