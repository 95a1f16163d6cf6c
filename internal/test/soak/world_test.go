package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/tstatsim"
)

// station is one Tstat and the root that it writes to.
type station struct {
	name string // also the instance id
	root string
	sim  *tstatsim.Sim
	got  tstatsim.Delivered
}

// world is some simulated Tstats, a culler that runs beside them again and again, and a
// broker that the test sends their rows to.
type world struct {
	*site
	stations []*station
	ttl      time.Duration   // of the culler
	spans    []tstatsim.Span // of the runs of tstat_send that succeeded
	runs     int             // of tstat_send

	flows         int                  // that arrived
	repeatedFlows int                  // flows of the same row and direction as an earlier one
	arrivals      map[[32]byte]arrival // the last arrival of a row, by the hash of its flows; nil: not recorded
	repeatedRows  int                  // rows whose flows arrived again without need
	repeatedCut   int                  // rows whose flows arrived again because the row was cut before

	stop    context.CancelFunc // of the goroutines that running counts
	running sync.WaitGroup

	// The goroutines of running write these; the test reads them after end.
	compressed int            // logs
	culls      map[string]int // runs of the culler, by ending.how
	culled     int            // directories
}

// newWorld starts three Tstats, which make a step every pace: one writes plain logs, one writes
// .gz, and one is a 2.4, which repeats its headers. rows is the mean number of rows in a step; the
// Tstat that writes .gz makes twice as many.
func newWorld(t *testing.T, pace time.Duration, rows int) *world {
	t.Helper()
	w := &world{site: newSite(t, rabbittest.Start(t)), ttl: 5 * time.Second, culls: map[string]int{}}
	w.Node.Persist()
	for i, o := range []struct {
		name string
		tstatsim.Options
	}{
		{"plain", tstatsim.Options{Rows: rows}},
		{"gzip", tstatsim.Options{Rows: 2 * rows, Gzip: true}},
		{"old", tstatsim.Options{Rows: rows, Version: "2.4", Reload: 0.02}},
	} {
		o.Seed, o.Pace, o.Restart, o.Kill = uint64(i+1), pace, 0.02, 0.02
		s := &station{name: o.name, root: filepath.Join(t.TempDir(), o.name)}
		if err := os.Mkdir(s.root, 0o755); err != nil {
			t.Fatal(err)
		}
		sim, err := tstatsim.New(s.root, o.Options)
		if err != nil {
			t.Fatal(err)
		}
		s.sim = sim
		w.stations = append(w.stations, s)
	}
	testkit.Binary(t, "tstat_cull", "") // builds it: only the test's own goroutine may call t.Fatal
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	t.Cleanup(w.end)
	for _, s := range w.stations {
		w.running.Go(func() {
			if err := s.sim.Run(ctx); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		})
	}
	w.running.Go(func() { w.cull(ctx) })
	w.running.Go(func() { w.compress(ctx, w.stations[0]) })
	return w
}

// end ends the goroutines of running. It may be called twice.
func (w *world) end() {
	w.stop()
	w.running.Wait()
}

func (w *world) roots(flag func(*station) string) (args []string) {
	for _, s := range w.stations {
		args = append(args, "-d", flag(s))
	}
	return args
}

// cull runs the culler again and again, and kills it now and then.
func (w *world) cull(ctx context.Context) {
	r := rand.New(rand.NewPCG(2, 2))
	for {
		testkit.Pause(ctx, 300*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		p := w.culler(w.ttl)
		if r.IntN(4) == 0 && p.RunsFor(upTo(r, 40*time.Millisecond)) {
			p.Signal(syscall.SIGKILL)
		}
		e := wait(p)
		if e.Status != 0 && !e.killed() || e.Stuck {
			w.t.Errorf("the culler ended with %s:\n%s", e.how(), e.Log)
		}
		n, _ := strconv.Atoi(e.Summary["directories"]) // missing if the culler was killed
		w.culls[e.how()]++
		w.culled += n
	}
}

// compress runs gzip(1) on the closed logs of a station, as an operator's cron job does.
func (w *world) compress(ctx context.Context, s *station) {
	for {
		testkit.Pause(ctx, 200*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		logs, err := filepath.Glob(filepath.Join(s.root, "*.out", "log_tcp_complete"))
		if err != nil || len(logs) < 3 {
			continue
		}
		// Tstat writes to the newest log, and perhaps to the one before.
		for _, path := range logs[:len(logs)-2] {
			if exec.Command("gzip", "-q", path).Run() == nil { // fails if the culler has deleted the log
				w.compressed++
			}
		}
	}
}

func (w *world) culler(ttl time.Duration) *testkit.Program {
	args := append(w.roots(func(s *station) string { return s.root }), "-v", "-t", fmt.Sprintf("%.9f", ttl.Hours()))
	return start(w.t, "tstat_cull", args...)
}

// sender starts a run of tstat_send over all roots.
func (w *world) sender(args ...string) *testkit.Program {
	w.t.Helper()
	all := append(w.roots(func(s *station) string { return s.name + "=" + s.root }), "-c", w.config, "-S", sensor, "-T", "0")
	w.runs++
	return start(w.t, "tstat_send", append(all, args...)...)
}

// secondSender runs a second tstat_send beside a running one.
func (w *world) secondSender() {
	w.t.Helper()
	e := wait(w.sender())
	if e.Status != 0 && (e.Status != 75 || !e.locked()) {
		w.t.Errorf("the second sender ended with %d, stuck %v:\n%s", e.Status, e.Stuck, e.Log)
	}
}

// checkRun records the messages of a run. If the run has succeeded, every row that was in a log
// from the start of the run to its end must have arrived.
func (w *world) checkRun(e ending) {
	w.t.Helper()
	w.record(w.drain())
	if e.Status != 0 {
		return
	}
	w.spans = append(w.spans, tstatsim.Span{Began: e.Began, Ended: e.Ended})
	for _, s := range w.stations {
		due := slices.DeleteFunc(s.sim.Written(), func(r tstatsim.Row) bool {
			return r.Written.After(e.Began) || !r.Deleted.IsZero() && r.Deleted.Before(e.Ended)
		})
		if missing := s.got.Missing(due); len(missing) > 0 {
			w.t.Errorf("%s: the run ended with 0, and %d of %d rows have not arrived, such as %+v:\n%s",
				s.name, len(missing), len(due), missing[0], e.Log)
		}
	}
}
