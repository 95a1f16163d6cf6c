package soak

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// TestLife: Tstats write, rotate, restart and are killed. tstat_send runs every few hundred
// milliseconds, and some runs are told to stop. tstat_cull and gzip(1) run beside it. All rows
// arrive, except those that a restarted Tstat deletes before a run could send them. None arrives
// twice, except that a row that was cut when it was sent may arrive again when it is whole.
func TestLife(t *testing.T) {
	const span = 40 * time.Second
	w := newWorld(t, 25*time.Millisecond, 10)
	w.arrivals = map[[32]byte]arrival{}
	r := rand.New(rand.NewPCG(1, 1))
	interrupted := 0
	for began := time.Now(); time.Since(began) < span; {
		p := w.sender()
		told := r.IntN(5) == 0 && p.RunsFor(upTo(r, 80*time.Millisecond))
		if told {
			p.Signal(syscall.SIGTERM)
		}
		e := wait(p)
		switch {
		case e.Status == 0:
		case told && (e.Status == 75 || e.unprepared()):
			interrupted++
		case e.Status == 75 && e.locked(): // by the culler
		default:
			t.Fatalf("exit status %d, stuck %v:\n%s", e.Status, e.Stuck, e.Log)
		}
		w.checkRun(e)
		testkit.Pause(t.Context(), upTo(r, 200*time.Millisecond))
	}
	lost := w.finish()
	t.Logf("\n%sruns told to stop   %d\nrows repeated byte for byte %d, and %d that had been cut", w.report(lost), interrupted, w.repeatedRows, w.repeatedCut)
	for _, s := range w.stations {
		if c := s.sim.Counts(); c.Rotations == 0 || c.Restarts == 0 || c.Kills == 0 {
			t.Errorf("%s: too little happened: %+v", s.name, c)
		}
	}
	if w.culled == 0 || w.compressed == 0 {
		t.Errorf("%d directories were culled, %d logs compressed", w.culled, w.compressed)
	}
}
