package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/loggen"
)

// changeWhileRead starts a run over one large log, holds the run when it has read a part of
// the log, calls change, and lets the run go on to its end.
func (s *site) changeWhileRead(change func(path string)) result {
	s.t.Helper()
	path := s.fillOne()
	p, proxy := s.underWay(append([]string{"-v"}, narrow...)...)
	proxy.Hold(true)
	change(path)
	proxy.Hold(false)
	proxy.Bandwidth(0)
	r := p.wait()
	s.direct()
	return r
}

// bodies returns the bodies of all messages that arrived, for flowsIn.
func (s *site) bodies() string {
	s.t.Helper()
	s.collect()
	var all strings.Builder
	for _, d := range s.got {
		all.Write(d.Body)
	}
	return all.String()
}

// wantRows wants exactly the flows of these TCP rows to have arrived. The first row is the header.
func (s *site) wantRows(rows []string) {
	s.t.Helper()
	if missing, surplus := s.compareRows(rows); missing > 0 || surplus > 0 {
		s.t.Errorf("%d flows are missing, %d surplus", missing, surplus)
	}
}

// wantAtLeastRows is wantRows, but other flows may have arrived too.
func (s *site) wantAtLeastRows(rows []string) {
	s.t.Helper()
	if missing, _ := s.compareRows(rows); missing > 0 {
		s.t.Errorf("%d flows are missing", missing)
	}
}

// compareRows compares the flows of TCP rows with the flows that arrived.
func (s *site) compareRows(rows []string) (missing, surplus int) {
	s.t.Helper()
	counts := map[string]int{}
	for _, m := range messagesOf(s.t, []byte(strings.Join(rows, "")), logRead{dir: "x", name: tcpLog}) {
		for _, flow := range flowsIn(s.t, m.text) {
			counts[flow]++
		}
	}
	for _, flow := range flowsIn(s.t, s.bodies()) {
		counts[flow]--
	}
	for _, n := range counts {
		missing, surplus = missing+max(n, 0), surplus+max(-n, 0)
	}
	return missing, surplus
}

func TestGrowsWhileRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := fillOneRows(t)
	more := lines(t, loggen.TCP, 6, 50)[1:]
	s.changeWhileRead(func(path string) { appendTo(t, path, more...) }).want(allDone)
	s.wantRows(rows) // the rows that the log had when it was opened
	if r := s.send().want(allDone); r.count("rows") != 50 {
		t.Errorf("the second run read %d rows, want the 50 new ones", r.count("rows"))
	}
	s.wantRows(append(rows, more...))
	if r := s.send().want(allDone); r.count("rows") != 0 {
		t.Errorf("the third run read %d rows", r.count("rows"))
	}
}

// TestReplacedWhileRead: Tstat is restarted within the minute and makes the directory anew.
func TestReplacedWhileRead(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"smaller": 50, "larger": 7000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			old, fresh := fillOneRows(t), lines(t, loggen.TCP, 8, count)
			s.changeWhileRead(func(path string) {
				if err := os.RemoveAll(filepath.Dir(path)); err != nil {
					t.Fatal(err)
				}
				write(t, path, fresh...)
			}).want(allDone)
			s.wantRows(old)
			if s.marked(s.directories()[0]) {
				t.Error("the new directory is marked, though it was not read")
			}
			s.send().want(allDone)
			s.wantRows(append(old, fresh[1:]...))
		})
	}
}

// TestTruncatedWhileRead: a shorter log overwrites a log while it is read. All rows of the
// new log are sent.
func TestTruncatedWhileRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	fresh := lines(t, loggen.TCP, 9, 40)
	r := s.changeWhileRead(func(path string) { write(t, path, fresh...) })
	if r.Status != allDone && r.Status != ioTrouble {
		t.Errorf("status %d:\n%s", r.Status, r.log())
	}
	s.send().want(allDone, "replaced")
	s.wantAtLeastRows(fresh)
	if r := s.send().want(allDone); r.count("published") != 0 {
		t.Errorf("a third run sent %d messages", r.count("published"))
	}
}

func TestDirectoryVanishes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := fillOneRows(t)
	s.changeWhileRead(func(path string) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}).want(allDone, "vanished")
	s.wantRows(rows) // the log was open
	if left := s.directories(); len(left) > 0 {
		t.Errorf("%q is there again", left)
	}
}

// TestRenamedAway: an operator renames the directory while it is read.
func TestRenamedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := fillOneRows(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	s.changeWhileRead(func(path string) {
		if err := os.Rename(filepath.Dir(path), elsewhere); err != nil {
			t.Fatal(err)
		}
	}).want(allDone)
	s.wantRows(rows)
	if exists(filepath.Join(s.root, loggen.DirName(firstMinute))) {
		t.Error("the directory was made again")
	}
}
