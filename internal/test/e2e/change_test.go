package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/loggen"
)

// midway starts a run over one large log and holds it when it has read some of
// it and not all: what is done to the log then, the run finds.
func (s *site) midway(change func(path string)) result {
	s.t.Helper()
	path := s.fillOne()
	proxy := s.Through()
	proxy.Bandwidth(slow)
	p := s.start(append([]string{"-v"}, narrow...)...)
	s.arrived(p, 3)
	proxy.Hold(true)
	change(path)
	proxy.Hold(false)
	proxy.Bandwidth(0)
	r := p.wait()
	s.direct()
	return r
}

// bodies is everything that arrived, as printed accepts it.
func (s *site) bodies() string {
	s.t.Helper()
	s.collect()
	var all strings.Builder
	for _, d := range s.got {
		all.Write(d.Body)
	}
	return all.String()
}

// wantRows wants the flows of these TCP rows (a header first) to have arrived,
// each at least as often as it is given; exactly so, unless more may be.
func (s *site) wantRows(rows []string, more bool) {
	s.t.Helper()
	counts := map[string]int{}
	for _, m := range messagesFrom(s.t, []byte(strings.Join(rows, "")), 0, kinds[tcpLog], sensor+"/0/x/"+tcpLog, "0", "") {
		for _, flow := range printed(s.t, m.text) {
			counts[string(flow)]++
		}
	}
	for _, flow := range printed(s.t, s.bodies()) {
		counts[string(flow)]--
	}
	missing, surplus := 0, 0
	for _, n := range counts {
		missing, surplus = missing+max(n, 0), surplus+max(-n, 0)
	}
	if missing > 0 || surplus > 0 && !more {
		s.t.Errorf("%d flows are missing, %d surplus", missing, surplus)
	}
}

func TestGrowsWhileRead(t *testing.T) {
	t.Parallel()
	s := shared(t)
	rows := lines(t, loggen.TCP, 5, 6000)
	more := lines(t, loggen.TCP, 6, 50)[1:]
	s.midway(func(path string) { appendTo(t, path, strings.Join(more, "")) }).want(allDone)
	s.wantRows(rows, false) // up to where the log ended when it was opened
	if r := s.send().want(allDone); r.count("rows") != 50 {
		t.Errorf("the second run read %d rows, want the 50 new ones", r.count("rows"))
	}
	s.wantRows(append(rows, more...), false)
	if r := s.send().want(allDone); r.count("rows") != 0 {
		t.Errorf("the third run read %d rows", r.count("rows"))
	}
}

// TestReplacedWhileRead: Tstat was restarted within the minute and made the
// directory anew.
func TestReplacedWhileRead(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"smaller": 50, "larger": 7000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			old, fresh := lines(t, loggen.TCP, 5, 6000), lines(t, loggen.TCP, 8, count)
			s.midway(func(path string) {
				if err := os.RemoveAll(filepath.Dir(path)); err != nil {
					t.Fatal(err)
				}
				write(t, path, []byte(strings.Join(fresh, "")))
			}).want(allDone)
			s.wantRows(old, false)
			if s.marked(s.directories()[0]) {
				t.Error("the new directory is marked, which was not read")
			}
			s.send().want(allDone)
			s.wantRows(append(old, fresh[1:]...), false)
		})
	}
}

// TestTruncatedWhileRead: what stood there and was read is sent, what came
// instead too.
func TestTruncatedWhileRead(t *testing.T) {
	t.Parallel()
	s := shared(t)
	fresh := lines(t, loggen.TCP, 9, 40)
	r := s.midway(func(path string) { write(t, path, []byte(strings.Join(fresh, ""))) })
	if r.Status != allDone && r.Status != ioTrouble {
		t.Errorf("status %d:\n%s", r.Status, r.log())
	}
	s.send().want(allDone, "replaced")
	s.wantRows(fresh, true)
	if r := s.send().want(allDone); r.count("published") != 0 {
		t.Errorf("a third run sent %d messages", r.count("published"))
	}
}

func TestDirectoryVanishes(t *testing.T) {
	t.Parallel()
	s := shared(t)
	rows := lines(t, loggen.TCP, 5, 6000)
	s.midway(func(path string) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}).want(allDone, "vanished")
	s.wantRows(rows, false) // it was open, and nothing was lost
	if left := s.directories(); len(left) > 0 {
		t.Errorf("%q is there again", left)
	}
}

// TestRenamedAway is what the culler, or an operator, does.
func TestRenamedAway(t *testing.T) {
	t.Parallel()
	s := shared(t)
	rows := lines(t, loggen.TCP, 5, 6000)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	s.midway(func(path string) {
		if err := os.Rename(filepath.Dir(path), elsewhere); err != nil {
			t.Fatal(err)
		}
	})
	s.wantRows(rows, false)
	if exists(filepath.Join(s.root, loggen.DirName(firstMinute))) {
		t.Error("the directory was made again")
	}
}
