package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// TestStop: a run that is told to stop waits for the confirmations of what it has
// published. Nothing is sent twice.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.fillOne()
			p, _ := s.underWay(narrow...)
			p.Signal(signal)
			r := p.wait().want(tryAgain)
			if r.count("failed") != 0 || r.count("published") == 0 {
				t.Errorf("%d messages were published and %d failed", r.count("published"), r.count("failed"))
			}
			s.wantRecovery()
		})
	}
}

// TestStopStuck: no confirmation arrives after the signal. The run ends after its grace
// time.
func TestStopStuck(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay()
	proxy.Hold(true)
	p.Signal(syscall.SIGTERM)
	began := time.Now()
	p.wait().want(tryAgain, "grace time")
	if took := time.Since(began); took < 8*time.Second {
		t.Errorf("ended after %v, want the grace time of 10 s", took)
	}
	s.wantRecovery()
}

// TestSecondSignal ends a run at once.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay()
	proxy.Hold(true)
	testkit.Await(t, "the run to end", func() bool {
		p.Signal(syscall.SIGTERM)
		return !p.RunsFor(50 * time.Millisecond) // two signals at once could count as one
	})
	r := p.wait()
	if r.Status != tryAgain || r.Summary != nil {
		t.Errorf("status %d, signal %d; want to be ended by the second signal, before the summary:\n%s", r.Status, r.Signal, r.log())
	}
	s.wantRecovery()
}

// TestTwoRuns: the second run ends at once, the culler leaves a locked directory alone,
// and the lock of a root ends with the run that holds it.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	p, proxy := s.underWay("-w", "1")
	proxy.Hold(true)
	r := s.send().want(tryAgain, "another run")
	if r.Summary != nil {
		t.Errorf("the second run worked on the root:\n%s", r.log())
	}
	// An old mark in the directory that the run works on.
	dir := filepath.Join(s.root, s.directories()[0])
	write(t, filepath.Join(dir, ".processed"), "processed\n")
	cull := s.cull("-v").want(allDone)
	if cull.count("locked") != 1 || !exists(filepath.Join(dir, tcpLog)) {
		t.Errorf("the culler did not leave the locked directory alone:\n%s", cull.log())
	}
	if err := os.Remove(filepath.Join(dir, ".processed")); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGKILL)
	if r := p.wait(); r.Signal != syscall.SIGKILL {
		t.Errorf("the run ended with status %d before it was killed:\n%s", r.Status, r.log())
	}
	s.wantRecovery()
}
