package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

var soak = flag.Duration("soak", 0, "how long TestSoak goes on; 0 leaves it out")

// tally counts the runs with one fault.
type tally struct {
	injected int
	hit      int            // runs that were still running when the fault began
	ended    map[string]int // by ending.how
	longest  time.Duration  // the duration of the longest run
}

// TestSoak is TestLife with random faults. It prints a report, and fails if a row is lost, a
// run is stuck, or an exit status cannot be right after the fault.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("runs for as long as -soak says: make soak DURATION=10m")
	}
	// The account of all rows must fit into memory, so a longer soak has slower Tstats.
	const maxSteps = 60_000
	w := newWorld(t, max(50*time.Millisecond, *soak/maxSteps), 10)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the faults: %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	seen := map[string]*tally{}
	for _, f := range faults {
		seen[f.name] = &tally{ended: map[string]int{}}
	}
	wrong, stuck := 0, 0
	began := time.Now()
	for time.Since(began) < *soak {
		f := pick(r)
		w.proxy.Latency(upTo(r, 30*time.Millisecond)) // otherwise most runs end before the fault
		p := w.sender("--connections", strconv.Itoa(1+r.IntN(2)), "--channels", strconv.Itoa(1+r.IntN(3)), "--window", strconv.Itoa(1+r.IntN(32)))
		hit := f.inject(w, r, p)
		w.proxy.Latency(0)
		e := wait(p)
		s := seen[f.name]
		s.injected++
		if hit {
			s.hit++
		}
		s.ended[e.how()]++
		s.longest = max(s.longest, e.Ended.Sub(e.Began))
		if why := f.contradiction(e); why != "" {
			if e.Stuck {
				stuck++
			} else {
				wrong++
			}
			t.Errorf("%s: %s: %s\n%s", f.name, e.how(), why, e.Log[max(0, len(e.Log)-4000):])
		}
		w.checkRun(e)
		testkit.Pause(t.Context(), upTo(r, 500*time.Millisecond))
	}
	took := time.Since(began).Round(time.Second)
	lost := w.finish()

	var b strings.Builder
	fmt.Fprintf(&b, "soak of %v, seed %d\n%s", took, seed, w.report(lost))
	fmt.Fprintf(&b, "runs stuck          %d\nstatuses wrong      %d\n", stuck, wrong)
	fmt.Fprintf(&b, "%-36s %5s %8s  %8s  %s\n", "fault", "runs", "mid-run", "longest", "runs by how they ended")
	for _, f := range faults {
		s := seen[f.name]
		fmt.Fprintf(&b, "%-36s %5d %8d  %8v %s\n", f.name, s.injected, s.hit, s.longest.Round(100*time.Millisecond), counts(s.ended))
	}
	fmt.Print(b.String())
}

// how returns the name of an ending in the report.
func (e ending) how() string {
	switch {
	case e.Stuck:
		return "stuck"
	case e.Signal != 0:
		return e.Signal.String()
	}
	return strconv.Itoa(e.Status)
}
