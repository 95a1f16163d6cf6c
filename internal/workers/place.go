package workers

import (
	"slices"

	"tstat-transport/internal/logdir"
)

// progress is how far a log has come, and the books of everything before.
type progress struct {
	place
	books books
}

// place is a position in a log, with what else is needed to go on there: every
// row before position is accounted for, except those that may still appear in
// the holes. Offsets are in bytes of the uncompressed log.
type place struct {
	position   int64
	headerLine int64         // offset of the header line in force at position
	holes      []logdir.Hole // before position
}

// surroundings are the holes around a stretch of a log.
type surroundings struct {
	before, behind []logdir.Hole // that are left, or not read again yet
	// hole is the hole that the stretch fills. It is nil for the last stretch of
	// the log, which ends where the log does; that stretch begins at resume.
	hole   *logdir.Hole
	resume *logdir.LogState
}

// placeAt returns where the log stands when the rows of the stretch up to the
// offset to are confirmed. headerLine is the header line in force there.
func (s *surroundings) placeAt(to, headerLine int64) place {
	if s.hole == nil {
		return place{position: to, headerLine: headerLine, holes: s.before}
	}
	holes := make([]logdir.Hole, 0, len(s.before)+1+len(s.behind))
	holes = append(holes, s.before...)
	if to < s.hole.To {
		holes = append(holes, logdir.Hole{From: to, To: s.hole.To, Header: headerLine})
	}
	return place{position: s.resume.Position, headerLine: s.resume.Header, holes: append(holes, s.behind...)}
}

// resumed returns the progress that a state file's entry stands for.
func resumed(s logdir.LogState) progress {
	b := books{lines: s.Line, below: s.Below, malformed: s.Malformed, flows: s.Flows}
	b.sent = s.Rows - s.Below - s.Malformed
	if s.Tail != nil {
		t := tailBooks(*s.Tail)
		t.lines = 0 // Line does not count the tail
		b.sub(t)
	}
	return progress{place{s.Position, s.Header, s.Holes}, b}
}

// same reports whether p stands where the state s does.
func (p *place) same(s *logdir.LogState) bool {
	return p.position == s.Position && slices.Equal(p.holes, s.Holes)
}
