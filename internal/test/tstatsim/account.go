package tstatsim

import (
	"fmt"
	"slices"
	"time"

	"tstat-transport/internal/test/loggen"
)

// A Row is one row that the simulated Tstat made. Its number is in its client's address
// and port, so each of its flows tells which row it is of.
type Row struct {
	Number   uint64
	Dir, Log string // names

	// Stood is the real time by which the whole row, newline included, could be read
	// from its log; zero where it never was.
	Stood time.Time

	// Deleted is the real time at which its directory began to be deleted by Tstat's own
	// restart; zero where it was not. A culled directory was not.
	Deleted time.Time
}

// A Span is a run of a reader that ended well, in real time.
type Span struct{ Began, Ended time.Time }

// Owed reports whether the row must have arrived when all is done: it stood in a log and
// was not taken away by Tstat before one of the runs could begin and end.
func (r Row) Owed(runs []Span) bool {
	if r.Stood.IsZero() {
		return false
	}
	return r.Deleted.IsZero() || slices.ContainsFunc(runs, func(run Span) bool {
		return run.Began.After(r.Stood) && run.Ended.Before(r.Deleted)
	})
}

// Written returns the rows that have stood in a log, by number. A cut last line is
// none, though it may hold enough to be sent.
func (s *Sim) Written() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []Row
	for _, r := range s.rows {
		if !r.Stood.IsZero() {
			rows = append(rows, r)
		}
	}
	return rows
}

// Counts returns what happened so far.
func (s *Sim) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *Sim) stood(rows []waiting, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range rows {
		s.rows[w.number].Stood = now
	}
}

func (s *Sim) deleted(dir string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if r := &s.rows[i]; r.Dir == dir && r.Deleted.IsZero() {
			r.Deleted = now
		}
	}
}

// Delivered counts the flows that arrived, by row and direction. Its zero value is ready.
type Delivered struct {
	flows map[uint64]*[2]int // by row number: client to server, and back
}

// Add counts a flow by its addresses and ports. An error says that no row has such a flow.
func (d *Delivered) Add(src string, srcPort uint16, dst string, dstPort uint16) error {
	direction := 0
	number, ok := loggen.ClientNumber(src, srcPort)
	if !ok {
		direction = 1
		if number, ok = loggen.ClientNumber(dst, dstPort); !ok {
			return fmt.Errorf("tstatsim: no client in a flow from %s port %d to %s port %d", src, srcPort, dst, dstPort)
		}
	}
	if d.flows == nil {
		d.flows = map[uint64]*[2]int{}
	}
	if d.flows[number] == nil {
		d.flows[number] = new([2]int)
	}
	d.flows[number][direction]++
	return nil
}

// Missing returns those of the rows that lack a flow in either direction, which all have
// at threshold 0.
func (d *Delivered) Missing(rows []Row) []Row {
	var missing []Row
	for _, r := range rows {
		if f := d.flows[r.Number]; f == nil || f[0] == 0 || f[1] == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

// Repeated returns how many flows arrived that had arrived before.
func (d *Delivered) Repeated() (n int) {
	for _, f := range d.flows {
		n += max(f[0]-1, 0) + max(f[1]-1, 0)
	}
	return n
}

// Unknown returns the numbers of flows' rows that the simulated Tstat never made.
func (d *Delivered) Unknown(s *Sim) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unknown []uint64
	for number := range d.flows {
		if number >= uint64(len(s.rows)) {
			unknown = append(unknown, number)
		}
	}
	slices.Sort(unknown)
	return unknown
}
