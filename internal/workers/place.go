package workers

import (
	"slices"

	"tstat-transport/internal/logdir"
)

// progress is a place in a log, and the books of everything before that place.
type progress struct {
	place
	books books
}

// place is what a run needs to resume a log at a position. Every row before
// position is accounted for, except rows that may still appear in the holes.
// Offsets are in bytes of the uncompressed log.
type place struct {
	position   int64
	headerLine int64         // offset of the header line in force at position
	holes      []logdir.Hole // before position
}

// surroundings are the holes around a stretch of a log.
type surroundings struct {
	before []logdir.Hole // holes before the stretch that this run has not filled
	after  []logdir.Hole // holes after the stretch, which this run reads next
	// hole is the hole that the stretch fills; nil for the log's last stretch,
	// which begins at resume.Position and ends with the log.
	hole   *logdir.Hole
	resume *logdir.LogState
}

// placeAt returns the log's place once the rows of the stretch before offset to are
// confirmed. headerLine is the offset of the header line in force at to.
func (s *surroundings) placeAt(to, headerLine int64) place {
	if s.hole == nil {
		return place{position: to, headerLine: headerLine, holes: s.before}
	}
	holes := make([]logdir.Hole, 0, len(s.before)+1+len(s.after))
	holes = append(holes, s.before...)
	if to < s.hole.To {
		holes = append(holes, logdir.Hole{From: to, To: s.hole.To, Header: headerLine})
	}
	return place{position: s.resume.Position, headerLine: s.resume.Header, holes: append(holes, s.after...)}
}

// resumed returns the progress that a state file records for a log.
func resumed(s logdir.LogState) progress {
	b := books{lines: s.Line, below: s.Below, malformed: s.Malformed, flows: s.Flows, notFinite: s.NotFinite}
	b.sent = s.Rows - s.Below - s.Malformed
	if s.Tail != nil {
		t := tailBooks(*s.Tail)
		t.lines = 0 // Line does not count the tail
		b.sub(t)
	}
	return progress{place{s.Position, s.Header, s.Holes}, b}
}

// same reports whether p is the place recorded in s.
func (p *place) same(s *logdir.LogState) bool {
	return p.position == s.Position && slices.Equal(p.holes, s.Holes)
}
