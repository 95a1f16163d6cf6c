package soak

import (
	"math/rand/v2"
	"syscall"
	"time"

	"tstat-transport/internal/test/testkit"
)

// fault is a fault that TestSoak injects while tstat_send runs.
type fault struct {
	name   string
	weight int // frequency, relative to the other faults
	// inject makes the fault happen. The fault is over when inject returns. hit reports
	// whether p was still running when the fault began.
	inject func(w *world, r *rand.Rand, p *testkit.Program) (hit bool)
}

// upTo returns a random duration below d.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// soon waits for a random part of the time that most runs take, and reports whether p still
// runs then.
func soon(r *rand.Rand, p *testkit.Program) bool { return p.RunsFor(upTo(r, 800*time.Millisecond)) }

// during returns the inject function of a fault that begins soon and lasts up to longest.
// set turns the fault on and off.
func during(longest time.Duration, set func(w *world, on bool)) func(*world, *rand.Rand, *testkit.Program) bool {
	return func(w *world, r *rand.Rand, p *testkit.Program) bool {
		hit := soon(r, p)
		set(w, true)
		p.RunsFor(upTo(r, longest))
		set(w, false)
		return hit
	}
}

const (
	none = "none"
	// longFault is longer than the time-outs of the site's configuration.
	longFault = 9 * time.Second
)

var faults = []fault{
	{none, 12, func(*world, *rand.Rand, *testkit.Program) bool { return true }},
	{"sender killed (SIGKILL)", 8, func(_ *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		p.Signal(syscall.SIGKILL)
		return hit
	}},
	{"sender told to stop (SIGTERM)", 4, func(_ *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		p.Signal(syscall.SIGTERM)
		return hit
	}},
	{"sender told twice (SIGINT)", 2, func(_ *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		p.Signal(syscall.SIGINT)
		p.RunsFor(upTo(r, 50*time.Millisecond))
		p.Signal(syscall.SIGINT)
		return hit
	}},
	{"sender paused (SIGSTOP)", 2, func(_ *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		p.Signal(syscall.SIGSTOP)
		p.RunsFor(upTo(r, longFault))
		p.Signal(syscall.SIGCONT)
		return hit
	}},
	{"two senders at once", 4, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = p.RunsFor(upTo(r, 20*time.Millisecond))
		w.secondSender()
		return hit
	}},
	{"broker killed (SIGKILL)", 2, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		w.Node.Kill()
		p.RunsFor(upTo(r, 5*time.Second))
		w.Node.Start()
		return hit
	}},
	{"broker restarted", 1, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = soon(r, p)
		w.Node.Restart()
		return hit
	}},
	{"broker paused (SIGSTOP)", 2, during(longFault, func(w *world, on bool) {
		if on {
			w.Node.Pause()
		} else {
			w.Node.Resume()
		}
	})},
	{"memory alarm", 3, during(longFault, func(w *world, on bool) { w.Node.MemoryAlarm(w.t, on) })},
	{"connections closed by an operator", 4, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		for range 1 + r.IntN(3) {
			hit = soon(r, p) || hit
			w.Node.CloseConnections(w.t, "soak")
		}
		return hit
	}},
	{"connections reset", 4, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		for range 1 + r.IntN(3) {
			hit = soon(r, p) || hit
			w.proxy.ResetConnections()
		}
		return hit
	}},
	{"connections refused", 2, during(longFault, func(w *world, on bool) {
		if on {
			w.proxy.Down()
		} else {
			w.proxy.Up()
		}
	})},
	{"packets dropped", 3, during(longFault, func(w *world, on bool) { w.proxy.DropPackets(on) })},
	{"confirmations dropped", 3, during(longFault, func(w *world, on bool) { w.proxy.DropReplies(on) })},
	{"peer that reads nothing", 3, during(longFault, func(w *world, on bool) { w.proxy.Hold(on) })},
	{"slow link", 3, func(w *world, r *rand.Rand, p *testkit.Program) (hit bool) {
		hit = p.Running()
		w.proxy.Bandwidth(100<<10 + r.IntN(400<<10))
		p.RunsFor(10 * time.Second)
		w.proxy.Bandwidth(0)
		return hit
	}},
}

// pick draws one of the faults by their weights.
func pick(r *rand.Rand) fault {
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := r.IntN(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("BUG: no fault for the drawn weight")
}

// contradiction returns the reason why a run cannot rightly end like e after the fault, or "" if
// it can.
func (f fault) contradiction(e ending) string {
	switch {
	case e.Stuck:
		return "stuck"
	case e.Signal != 0:
		switch f.name {
		case "sender killed (SIGKILL)", "sender told twice (SIGINT)":
			return ""
		case "sender told to stop (SIGTERM)":
			if e.unprepared() {
				return ""
			}
		}
		return "ended by signal " + e.Signal.String()
	case e.Status == 0:
		return "" // checkRun checks that everything arrived
	case e.Status != 75:
		return "not 75"
	case f.name == none && !e.locked():
		return "75, though nothing went wrong"
	}
	return ""
}
