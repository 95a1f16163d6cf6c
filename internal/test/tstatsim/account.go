package tstatsim

import (
	"fmt"
	"slices"
	"time"

	"tstat-transport/internal/test/loggen"
)

// A Row is one row that the simulated Tstat made. The client's address and port encode its
// number, so each flow identifies its row.
type Row struct {
	Number   uint64
	Dir, Log string // names

	// Written is the real time from which the whole row, newline included, could be read from
	// its log; zero if the row never reached the log.
	Written time.Time

	// Deleted is the real time at which a restart of Tstat began to delete the row's
	// directory; zero if none did. The culler does not count.
	Deleted time.Time
}

// A Span is the real time of a successful run of a reader.
type Span struct{ Began, Ended time.Time }

// Owed reports whether the row must have arrived after the runs: the row was written, and
// Tstat did not delete it before one of the runs could begin and end.
func (r Row) Owed(runs []Span) bool {
	if r.Written.IsZero() {
		return false
	}
	return r.Deleted.IsZero() || slices.ContainsFunc(runs, func(run Span) bool {
		return run.Began.After(r.Written) && run.Ended.Before(r.Deleted)
	})
}

// Written returns the rows that were written whole to a log, by number. A reader may be able
// to send a cut last line too.
func (s *Sim) Written() []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []Row
	for _, r := range s.rows {
		if !r.Written.IsZero() {
			rows = append(rows, r)
		}
	}
	return rows
}

// Counts returns the counts so far.
func (s *Sim) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// markWritten records that rows are whole in their logs from now on.
func (s *Sim) markWritten(rows []waiting) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range rows {
		s.rows[w.number].Written = now
	}
}

// markDeleted records that Tstat deletes a directory now.
func (s *Sim) markDeleted(dir string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if r := &s.rows[i]; r.Dir == dir && r.Deleted.IsZero() {
			r.Deleted = now
		}
	}
}

// Delivered counts the flows that arrived, by row and direction. The zero value is empty.
type Delivered struct {
	flows map[uint64]*[2]int // by row number: client to server, and back
}

// Add counts a flow by its addresses and ports. It fails if no row can have such a flow.
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

// Missing returns the rows whose two flows have not both arrived. At threshold 0 every row
// has two flows.
func (d *Delivered) Missing(rows []Row) []Row {
	var missing []Row
	for _, r := range rows {
		if f := d.flows[r.Number]; f == nil || f[0] == 0 || f[1] == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

// Repeated returns the number of flows that had arrived before.
func (d *Delivered) Repeated() (n int) {
	for _, f := range d.flows {
		n += max(f[0]-1, 0) + max(f[1]-1, 0)
	}
	return n
}

// Unknown returns the row numbers of flows that arrived, but whose rows Tstat never made.
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
