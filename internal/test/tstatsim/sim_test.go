package tstatsim_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/tstatsim"
)

var life = tstatsim.Options{Seed: 5, Restart: 0.03, Kill: 0.03, Reload: 0.02}

// lives are lives with every event, by kind of log.
func lives() map[string]tstatsim.Options {
	plain, old, gz := life, life, life
	old.Version = "2.4"
	gz.Gzip = true
	gz.Rows = 100
	return map[string]tstatsim.Options{"plain": plain, "2.4": old, "gzip": gz}
}

// What the account says stands in the logs is what a reader finds there: after every
// step, at the end, after a kill.
func TestAccountIsWhatStands(t *testing.T) {
	for name, o := range lives() {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			s := newSim(t, root, o)
			check := func(when string) {
				t.Helper()
				standing := map[uint64]string{}
				for _, r := range s.Written() {
					if r.Deleted.IsZero() {
						standing[r.Number] = filepath.Join(r.Dir, r.Log)
					}
				}
				found := readTree(t, root)
				for number, where := range found {
					if standing[number] != where {
						t.Errorf("%s: row %d stands in %s, the account says %q", when, number, where, standing[number])
					}
				}
				for number, where := range standing {
					if found[number] == "" {
						t.Errorf("%s: row %d is not in %s", when, number, where)
					}
				}
			}
			for i := range 300 {
				if err := s.Step(); err != nil {
					t.Fatal(err)
				}
				if i%50 == 49 {
					check(fmt.Sprintf("step %d", i))
				}
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			check("stopped")
			for range 5 {
				if err := s.Step(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			check("killed")
			c := s.Counts()
			if c.Rotations == 0 || c.Restarts == 0 || c.Kills == 0 || c.Reloads == 0 || c.Deletions == 0 {
				t.Errorf("something did not happen: %+v", c)
			}
			if n := len(s.Written()); n == 0 || n >= c.Rows {
				t.Errorf("%d of %d rows stood, though some were only buffered", n, c.Rows)
			}
			t.Logf("%+v, %d rows stood", c, len(s.Written()))
		})
	}
}

// Live logs start as 0 bytes, grow by 4096, and end in mid-line; at rotation the new
// directory is there before the old tails are.
func TestLiveLogs(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Seed: 1})
	var empty, midLine, tailsAfter bool
	sizes := map[string]int{}
	rotated := map[string]int{} // sizes when a newer directory was first seen
	for range 200 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
		dirs, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range dirs {
			path := filepath.Join(root, d.Name(), "log_tcp_complete")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			newest := i == len(dirs)-1
			if newest && len(b)%4096 != 0 {
				t.Fatalf("live log of %d bytes", len(b))
			}
			empty = empty || newest && len(b) == 0
			midLine = midLine || newest && len(b) > 0 && b[len(b)-1] != '\n'
			sizes[path] = len(b)
			if newest {
				continue
			}
			if _, seen := rotated[path]; !seen {
				rotated[path] = len(b)
			}
			tailsAfter = tailsAfter || rotated[path] < len(b) && len(b)%4096 != 0
		}
	}
	if !empty || !midLine || !tailsAfter {
		t.Errorf("seen: an empty log %v, one cut in mid-line %v, tails after rotation %v", empty, midLine, tailsAfter)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for path, size := range sizes {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != size {
			t.Errorf("%s has %d bytes after a kill, %d before", path, len(b), size)
		}
	}
}

// 2.4 repeats its headers in mid-file.
func TestHeadersInMidFile(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Version: "2.4", Reload: 0.2})
	for range 50 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(root, "*", "log_tcp_complete"))
	headers := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		headers += bytes.Count(b, []byte("\n#c_ip:1 "))
	}
	if want := s.Counts().Reloads; headers != want || want == 0 {
		t.Errorf("%d headers in mid-file after %d reloads", headers, want)
	}
}

// The same seed gives the same life.
func TestDeterministic(t *testing.T) {
	var logs [2]map[uint64]string
	for i := range logs {
		root := t.TempDir()
		s := newSim(t, root, life)
		for range 100 {
			if err := s.Step(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		logs[i] = readTree(t, root)
	}
	if fmt.Sprint(logs[0]) != fmt.Sprint(logs[1]) {
		t.Error("one seed gave two lives")
	}
}

// What is flushed after a directory was culled is asked of nobody; what stood before is.
func TestCulled(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Seed: 2, Interval: time.Hour})
	for range 20 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	stood := len(s.Written())
	dirs, err := os.ReadDir(root)
	if err != nil || len(dirs) != 1 || stood == 0 {
		t.Fatalf("%d directories, %d rows: %v", len(dirs), stood, err)
	}
	if err := os.RemoveAll(filepath.Join(root, dirs[0].Name())); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Written()); got != stood {
		t.Errorf("%d rows stood, %d before the directory was culled", got, stood)
	}
	if c := s.Counts(); c.Orphans != c.Rows-stood {
		t.Errorf("%d of %d rows are orphans, %d stood", c.Orphans, c.Rows, stood)
	}
	for _, r := range s.Written() {
		if !r.Owed(nil) {
			t.Errorf("row %d is not owed, though only the culler deleted it", r.Number)
		}
	}
}

// A row that Tstat itself deleted is owed if a run had the time to send it.
func TestOwed(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	run := []tstatsim.Span{{Began: at(10), Ended: at(20)}}
	for _, c := range []struct {
		stood, deleted int // 0: never
		want           bool
	}{
		{0, 0, false}, {5, 0, true}, {15, 0, true}, {25, 0, true},
		{5, 25, true}, {5, 15, false}, {15, 25, false}, {22, 25, false}, {0, 25, false},
	} {
		var r tstatsim.Row
		if c.stood != 0 {
			r.Stood = at(c.stood)
		}
		if c.deleted != 0 {
			r.Deleted = at(c.deleted)
		}
		if got := r.Owed(run); got != c.want {
			t.Errorf("stood %d, deleted %d: owed %v", c.stood, c.deleted, got)
		}
	}
}

func TestBeforeDelete(t *testing.T) {
	root := t.TempDir()
	o := life
	var told int
	o.BeforeDelete = func(dir string) {
		told++
		if _, err := os.Stat(filepath.Join(dir, "log_udp_complete")); err != nil {
			t.Errorf("told too late: %v", err)
		}
	}
	s := newSim(t, root, o)
	for range 200 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if told == 0 || told != s.Counts().Deletions {
		t.Errorf("told of %d of %d deletions", told, s.Counts().Deletions)
	}
}

func TestDelivered(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{})
	for range 20 {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	var d tstatsim.Delivered
	rows := s.Written()
	if got := d.Missing(rows); len(got) != len(rows) {
		t.Errorf("%d of %d rows are missing before any came", len(got), len(rows))
	}
	eachRow(t, root, func(_ string, f map[string]string) {
		src, srcPort, dst, dstPort := f["c_ip"], port(t, f["c_port"]), f["s_ip"], port(t, f["s_port"])
		if err := errors.Join(d.Add(src, srcPort, dst, dstPort), d.Add(dst, dstPort, src, srcPort)); err != nil {
			t.Error(err)
		}
	})
	if got := d.Missing(rows); len(got) != 0 || d.Repeated() != 0 || d.Unknown(s) != nil {
		t.Errorf("all came once, but %d are missing, %d came again, %v are unknown", len(got), d.Repeated(), d.Unknown(s))
	}
	if err := d.Add("172.16.0.1", 80, "172.16.0.2", 443); err == nil {
		t.Error("a flow between servers was taken")
	}
	if err := d.Add("10.1.2.3", 40000, "172.16.0.2", 443); err != nil || len(d.Unknown(s)) != 1 {
		t.Errorf("a flow that was never made: %v, %v", err, d.Unknown(s))
	}
}

// Run goes on until its context ends, here at the first deletion.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := life
	o.Pace = time.Millisecond
	o.BeforeDelete = func(string) { cancel() }
	s := newSim(t, t.TempDir(), o)
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if s.Counts().Steps < 2 || len(s.Written()) == 0 {
		t.Errorf("after a run: %+v, %d rows stood", s.Counts(), len(s.Written()))
	}
}

func newSim(t *testing.T, root string, o tstatsim.Options) *tstatsim.Sim {
	t.Helper()
	s, err := tstatsim.New(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readTree gives where each row stands whole, by number: the path below root.
func readTree(t *testing.T, root string) map[uint64]string {
	t.Helper()
	found := map[uint64]string{}
	eachRow(t, root, func(path string, f map[string]string) {
		number, ok := loggen.ClientNumber(f["c_ip"], port(t, f["c_port"]))
		if !ok || found[number] != "" {
			t.Errorf("row %d %v in %s, and in %q", number, ok, path, found[number])
		}
		found[number] = path
	})
	return found
}

// eachRow calls f with every whole row of the tree, by column name.
func eachRow(t *testing.T, root string, f func(path string, fields map[string]string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(d.Name(), "_complete") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") && len(b) > 0 {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return err
			}
			if b, err = io.ReadAll(z); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		name, _ := filepath.Rel(root, path)
		var columns []string
		for line := range strings.Lines(string(b)) {
			line, whole := strings.CutSuffix(line, "\n")
			switch {
			case !whole:
			case line[0] == '#':
				columns = strings.Fields(line[strings.LastIndexByte(line, '#')+1:])
			default:
				fields := map[string]string{}
				for i, v := range strings.Split(line, " ") {
					column, _, _ := strings.Cut(columns[i], ":")
					fields[column] = v
				}
				f(name, fields)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func port(t *testing.T, s string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}
