// Package tstatsim simulates Tstat in accelerated time: it writes logs below a root directory,
// and keeps account of every row that a reader could read. It is for tests of readers that must
// lose no row.
//
// It behaves like Tstat 2.4 to 3.2.1:
//   - A log starts with 0 bytes and grows in steps of 4096. Rows and the header wait in a
//     buffer, so a live log nearly always ends in mid-line.
//   - At rotation the new directory appears first, then the old logs' tails are flushed.
//   - A restart within the minute deletes the directory and makes it anew.
//   - A Tstat that is killed leaves a cut last line for ever.
//   - Compressed logs are gzip streams behind such a buffer: they are cut at any place, and
//     their rows reach the file late.
//   - 2.4 writes its headers again after a reload.
//
// Rows that were still in a buffer when Tstat was killed count as never written: no reader owes
// them.
package tstatsim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tstat-transport/internal/test/loggen"
)

// Options are the settings of a Sim. Times are simulated times, except Pace.
type Options struct {
	Seed    uint64
	Version string // a loggen version; "" means 3.2.1
	Gzip    bool   // Tstat's -Z

	Interval time.Duration // between rotations, a minute or more; 0 means 3 minutes
	Rows     int           // mean number per step, TCP and UDP together; 0 means 20

	// Probabilities of an event in a step.
	Restart float64 // an orderly stop and a start
	Kill    float64 // SIGKILL and a start
	Reload  float64 // the headers are written again, as 2.4 does

	Pace time.Duration // real time between the steps of Run; 0 means 10 ms
}

// firstStart is the time of the first directory, and tick the length of a step.
var firstStart = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

const tick = 10 * time.Second

// Counts are the counts of a Sim.
type Counts struct {
	Dirs      int // made, repeats after a deletion included
	Rotations int
	Restarts  int
	Kills     int
	Reloads   int
	Deletions int // of directories, by a start within the minute
	Rows      int // made, rows that never reached a log included
	Orphans   int // rows that could not reach a log, since its directory was culled
}

// A Sim is one instance of Tstat that writes below one root. Step, Run, Stop and Kill may not
// be called at the same time. The other methods may be called at any time.
type Sim struct {
	root   string
	opts   Options
	rng    *rand.Rand
	makers [2]*loggen.Maker // by loggen.Proto

	now     time.Time
	current *directory
	old     *directory // the directory before, if its tails are not flushed yet

	mu     sync.Mutex // guards the fields below
	counts Counts
	rows   []Row // by number
}

// New returns a Sim that has written nothing yet. The root must exist.
func New(root string, o Options) (*Sim, error) {
	o.Interval = cmp.Or(o.Interval, 3*time.Minute)
	o.Rows = cmp.Or(o.Rows, 20)
	o.Pace = cmp.Or(o.Pace, 10*time.Millisecond)
	if o.Interval < time.Minute {
		return nil, fmt.Errorf("tstatsim: interval %s: directories are named by minute, use one or more", o.Interval)
	}
	g, err := loggen.New(loggen.Options{Seed: o.Seed, Version: o.Version, Start: firstStart})
	if err != nil {
		return nil, fmt.Errorf("tstatsim: %w", err)
	}
	return &Sim{
		root:   root,
		opts:   o,
		rng:    rand.New(rand.NewPCG(o.Seed, 1)),
		makers: [2]*loggen.Maker{g.Maker(loggen.TCP, 0), g.Maker(loggen.UDP, 0)},
		now:    firstStart,
	}, nil
}

// Run makes steps at Options.Pace until ctx ends, which is no error. The simulated Tstat runs
// until Stop or Kill.
func (s *Sim) Run(ctx context.Context) error {
	pace := time.NewTicker(s.opts.Pace)
	defer pace.Stop()
	for {
		if err := s.Step(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

// Step simulates one tick: some rows, and sometimes an event.
func (s *Sim) Step() error {
	if err := s.event(); err != nil {
		return fmt.Errorf("tstatsim: %w", err)
	}
	for range s.rng.IntN(2*s.opts.Rows + 1) {
		if err := s.row(loggen.Proto(s.rng.IntN(2))); err != nil {
			return fmt.Errorf("tstatsim: %w", err)
		}
	}
	s.now = s.now.Add(tick)
	return nil
}

func (s *Sim) event() error {
	// The tails of a rotated directory follow within a few steps.
	if s.old != nil && s.rng.IntN(2) == 0 {
		old := s.old
		s.old = nil
		if err := old.close(s); err != nil {
			return err
		}
	}
	p := s.rng.Float64()
	switch {
	case s.current == nil:
		return s.start()
	case p < s.opts.Restart:
		s.count(func(c *Counts) { c.Restarts++ })
		return errors.Join(s.stop(), s.start())
	case p < s.opts.Restart+s.opts.Kill:
		s.count(func(c *Counts) { c.Kills++ })
		return errors.Join(s.kill(), s.start())
	case p < s.opts.Restart+s.opts.Kill+s.opts.Reload:
		s.count(func(c *Counts) { c.Reloads++ })
		return s.headers()
	case s.now.Sub(s.current.began) >= s.opts.Interval:
		return s.rotate()
	}
	return nil
}

func (s *Sim) rotate() error {
	if s.old != nil { // from the rotation before
		if err := s.old.close(s); err != nil {
			return err
		}
	}
	s.count(func(c *Counts) { c.Rotations++ })
	s.old = s.current
	return s.start()
}

// removeAll removes a directory. It retries, since tstat_send may write a state file into the
// directory at the same time.
func removeAll(path string) error {
	const tries = 10
	var err error
	for range tries {
		if err = os.RemoveAll(path); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

// start makes a directory. It first deletes an existing directory of the same minute.
func (s *Sim) start() error {
	path := filepath.Join(s.root, loggen.DirName(s.now))
	if _, err := os.Lstat(path); err == nil {
		s.markDeleted(filepath.Base(path))
		if err := removeAll(path); err != nil {
			return err
		}
		s.count(func(c *Counts) { c.Deletions++ })
	}
	d, err := createDirectory(path, s.now, s.opts.Gzip)
	if err != nil {
		return err
	}
	s.current = d
	s.count(func(c *Counts) { c.Dirs++ })
	return s.headers()
}

// headers writes the headers into the logs.
func (s *Sim) headers() error {
	for p, m := range s.makers {
		if err := s.current.logs[p].write(s, []byte(m.Header())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sim) row(p loggen.Proto) error {
	l := s.current.logs[p]
	s.mu.Lock()
	number := uint64(len(s.rows))
	s.rows = append(s.rows, Row{Number: number, Dir: s.current.name, Log: l.name})
	s.counts.Rows++
	s.mu.Unlock()
	line := s.makers[p].Append(nil, number, s.now)
	return l.writeRow(s, line, number)
}

// Stop ends Tstat in order: its buffers are flushed. A later Step starts it again.
func (s *Sim) Stop() error {
	if err := s.stop(); err != nil {
		return fmt.Errorf("tstatsim: %w", err)
	}
	return nil
}

// Kill ends Tstat as SIGKILL does: its buffers are lost. A later Step starts it again.
func (s *Sim) Kill() error {
	if err := s.kill(); err != nil {
		return fmt.Errorf("tstatsim: %w", err)
	}
	return nil
}

func (s *Sim) stop() error {
	return s.end(func(d *directory) error { return d.close(s) })
}

func (s *Sim) kill() error {
	return s.end((*directory).abandon)
}

func (s *Sim) end(how func(*directory) error) (err error) {
	for _, d := range []*directory{s.old, s.current} {
		if d != nil {
			err = errors.Join(err, how(d))
		}
	}
	s.old, s.current = nil, nil
	return err
}

func (s *Sim) count(f func(*Counts)) {
	s.mu.Lock()
	f(&s.counts)
	s.mu.Unlock()
}
