package workers

import "tstat-transport/internal/logdir"

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

// surroundings turn a position in a block into a place of the log.
type surroundings struct {
	before []logdir.Hole // unfilled holes in front of the position
	// hole is the hole that the block belongs to; nil if the block belongs to the log's
	// last stretch.
	hole *logdir.Hole
	// The following fields are set if hole is.
	after   []logdir.Hole    // holes after hole, which this run reads next
	earlier *logdir.LogState // the last stretch begins at earlier.Position
}

// placeAt returns the log's place once every row of the stretch up to position is
// confirmed. headerLine is the offset of the header line in force at
// position.
func (s *surroundings) placeAt(position, headerLine int64) place {
	if s.hole == nil {
		return place{position: position, headerLine: headerLine, holes: s.before}
	}
	holes := make([]logdir.Hole, 0, len(s.before)+1+len(s.after))
	holes = append(holes, s.before...)
	if position < s.hole.To {
		holes = append(holes, logdir.Hole{From: position, To: s.hole.To, Header: headerLine})
	}
	return place{position: s.earlier.Position, headerLine: s.earlier.Header, holes: append(holes, s.after...)}
}

// progressOf returns the progress that a state file records for a log.
func progressOf(s logdir.LogState) progress {
	b := books{lines: s.Line, below: s.Below, malformed: s.Malformed, flows: s.Flows, notFinite: s.NotFinite}
	b.sent = s.Rows - s.Below - s.Malformed
	if s.Tail != nil {
		t := tailBooks(*s.Tail)
		t.lines = 0 // Line does not count the tail
		b.sub(t)
	}
	return progress{place{s.Position, s.Header, s.Holes}, b}
}
