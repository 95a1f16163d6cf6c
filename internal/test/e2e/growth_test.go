package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// TestGrowth: a run looks at marked directories again, and sends the new rows only.
func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, threshold := range []string{"0", "1"} {
		t.Run("threshold "+threshold, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.args = []string{"-T", threshold}
			const dir = "2026_01_15_00_00.out"
			rows := lines(t, loggen.TCP, 1, 305)
			path := filepath.Join(s.root, dir, tcpLog)
			write(t, path, rows[:301]...)
			sent := map[string]int64{} // the size of each log when it was sent
			step := func(what string, file string) {
				t.Helper()
				s.send().want(allDone)
				if !s.marked(dir) {
					t.Errorf("%s: not marked", what)
				}
				log := testkit.ReadLog(t, filepath.Join(s.root, dir, file))
				name := strings.TrimSuffix(file, ".gz")
				s.wantMessages(what, messagesOf(t, log, logRead{dir: dir, name: name, threshold: threshold, from: sent[name]}))
				sent[name] = int64(len(log))
			}
			step("first run", tcpLog)
			step("second run", tcpLog)
			appendTo(t, path, rows[301:]...)
			step("five rows more", tcpLog)
			write(t, filepath.Join(s.root, dir, udpLog), lines(t, loggen.UDP, 2, 7)...)
			step("a new log beside", udpLog)
			compress(t, path)
			step("the log is now a .gz", tcpLog+".gz")
		})
	}
}

// TestReplaced: a log that replaces a marked log is sent whole.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]string{
		"smaller":  lines(t, loggen.TCP, 11, 40),
		"as large": lines(t, loggen.TCP, 12, 300),
		"larger":   lines(t, loggen.TCP, 13, 500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			const dir = "2026_01_15_00_00.out"
			path := filepath.Join(s.root, dir, tcpLog)
			write(t, path, lines(t, loggen.TCP, 10, 300)...)
			s.send().want(allDone)
			s.wantMessages("first log", s.expected())
			write(t, path, content...)
			s.send().want(allDone, "replaced", "level=WARN", tcpLog)
			s.wantMessages("second log", s.expected())
			s.send().want(allDone)
			s.wantMessages("nothing new", nil)
		})
	}
}

// TestLive sends a log while Tstat writes it. The last line ends at each kind of place.
func TestLive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cut  func(row string) int // returns the length of the part that is written
		sent bool                 // whether that part is a row already, and sent
	}{
		"in the address":     {func(string) int { return 5 }, false},
		"in the middle":      {func(row string) int { return len(row) / 2 }, false},
		"before the newline": {func(row string) int { return len(row) - 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			const dir = "2026_01_15_00_00.out"
			path := filepath.Join(s.root, dir, tcpLog)
			rows := lines(t, loggen.TCP, 3, 120)
			last := rows[len(rows)-1]
			cut := c.cut(last)
			whole := strings.Join(rows[:len(rows)-1], "")
			write(t, path, whole, last[:cut])
			atFirst, afterwards := 2*119, 2*3
			if c.sent {
				atFirst, afterwards = 2*120, 2*2
			}
			if got := s.sendFlows(); got != atFirst {
				t.Errorf("%d flows at first, want %d", got, atFirst)
			}
			if again := s.sendFlows(); again != 0 {
				t.Errorf("%d flows in a second run", again)
			}
			appendTo(t, path, last[cut:], rows[1], rows[2])
			if got := s.sendFlows(); got != afterwards {
				t.Errorf("%d flows when the line was completed, want %d", got, afterwards)
			}
			s.send().want(allDone)
			s.wantRows([]string{whole, last, rows[1], rows[2]})
		})
	}
}

// sendFlows runs tstat_send, collects the messages, and returns the number of flows sent.
func (s *site) sendFlows() int {
	s.t.Helper()
	n := s.send().want(allDone).count("flows")
	s.collect()
	return n
}

// compress does what gzip(1) does.
func compress(t *testing.T, path string) {
	t.Helper()
	write(t, path+".gz", gzipped(t, readAll(t, path)))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
