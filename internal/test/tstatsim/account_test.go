package tstatsim_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/tstatsim"
)

// A reader finds in the logs exactly the rows that the account has there: after steps, after a
// stop and after a kill.
func TestAccount(t *testing.T) {
	for name, o := range eventfulLogs() {
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
						t.Errorf("%s: row %d is in %s, the account has it in %q", when, number, where, standing[number])
					}
				}
				for number, where := range standing {
					if found[number] == "" {
						t.Errorf("%s: row %d is not in %s", when, number, where)
					}
				}
			}
			for i := range 6 {
				steps(t, s, 50)
				check(fmt.Sprintf("step %d", 50*(i+1)))
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			check("stopped")
			steps(t, s, 5)
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			check("killed")
			c := s.Counts()
			if c.Rotations == 0 || c.Restarts == 0 || c.Kills == 0 || c.Reloads == 0 || c.Deletions == 0 {
				t.Errorf("an event did not happen: %+v", c)
			}
			if n := len(s.Written()); n == 0 || n >= c.Rows {
				t.Errorf("%d of %d rows were written, though some were only buffered", n, c.Rows)
			}
			t.Logf("%+v, %d rows written", c, len(s.Written()))
		})
	}
}

// Rows that are flushed after their directory was culled are not owed. Rows that were written
// before are owed.
func TestCulled(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Seed: 2, Interval: time.Hour})
	steps(t, s, 20)
	written := len(s.Written())
	dirs, err := os.ReadDir(root)
	if err != nil || len(dirs) != 1 || written == 0 {
		t.Fatalf("%d directories, %d rows: %v", len(dirs), written, err)
	}
	if err := os.RemoveAll(filepath.Join(root, dirs[0].Name())); err != nil {
		t.Fatal(err)
	}
	steps(t, s, 20)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Written()); got != written {
		t.Errorf("%d rows written, %d before the directory was culled", got, written)
	}
	if c := s.Counts(); c.Orphans != c.Rows-written {
		t.Errorf("%d of %d rows are orphans, %d were written", c.Orphans, c.Rows, written)
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
		written, deleted int // 0: never
		want             bool
	}{
		{0, 0, false}, {5, 0, true}, {15, 0, true}, {25, 0, true},
		{5, 25, true}, {5, 15, false}, {15, 25, false}, {22, 25, false}, {0, 25, false},
	} {
		var r tstatsim.Row
		if c.written != 0 {
			r.Written = at(c.written)
		}
		if c.deleted != 0 {
			r.Deleted = at(c.deleted)
		}
		if got := r.Owed(run); got != c.want {
			t.Errorf("written %d, deleted %d: owed %v", c.written, c.deleted, got)
		}
	}
}

func TestDelivered(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{})
	steps(t, s, 20)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	var d tstatsim.Delivered
	rows := s.Written()
	if got := d.Missing(rows); len(got) != len(rows) {
		t.Errorf("%d of %d rows are missing before any arrived", len(got), len(rows))
	}
	eachRow(t, root, func(_ string, f map[string]string) {
		src, srcPort, dst, dstPort := f["c_ip"], testkit.Port(t, f["c_port"]), f["s_ip"], testkit.Port(t, f["s_port"])
		if err := errors.Join(d.Add(src, srcPort, dst, dstPort), d.Add(dst, dstPort, src, srcPort)); err != nil {
			t.Error(err)
		}
	})
	if got := d.Missing(rows); len(got) != 0 || d.Repeated() != 0 || d.Unknown(s) != nil {
		t.Errorf("all arrived once, but %d are missing, %d repeated, %v unknown", len(got), d.Repeated(), d.Unknown(s))
	}
	if err := d.Add("172.16.0.1", 80, "172.16.0.2", 443); err == nil {
		t.Error("a flow between servers was accepted")
	}
	if err := d.Add("10.1.2.3", 40000, "172.16.0.2", 443); err != nil || len(d.Unknown(s)) != 1 {
		t.Errorf("a flow that was never made: %v, %v", err, d.Unknown(s))
	}
}

// readTree returns the path below root of the log of each whole row, by number.
func readTree(t *testing.T, root string) map[uint64]string {
	t.Helper()
	found := map[uint64]string{}
	eachRow(t, root, func(path string, f map[string]string) {
		number, ok := loggen.ClientNumber(f["c_ip"], testkit.Port(t, f["c_port"]))
		if !ok || found[number] != "" {
			t.Errorf("row %d (from a client: %v) is in %s, and before in %q", number, ok, path, found[number])
		}
		found[number] = path
	})
	return found
}

// eachRow calls f for each whole row of the tree, with the fields by column.
func eachRow(t *testing.T, root string, f func(path string, fields map[string]string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(d.Name(), "_complete") {
			return err
		}
		name, err := filepath.Rel(root, path)
		testkit.EachRow(t, testkit.ReadLog(t, path), func(fields map[string]string) { f(name, fields) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
