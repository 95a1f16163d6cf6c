//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func skipBelowAVX2(block *byte, newline, space *uint64, pos, size, rank, rank2 int, threshold uint64) (next, rows int)

// skipBelow skips rows that are below the threshold, and stops at a line that Next
// must examine. The branches of Next depend on the lengths of fields, so a processor
// cannot predict them; skipBelowAVX2 replaces most of them by conditional moves.
func (s *Scanner) skipBelow() {
	if !useSkip || !s.canSkip() {
		return
	}
	next, rows := skipBelowAVX2(unsafe.SliceData(s.block), unsafe.SliceData(s.newline), unsafe.SliceData(s.space),
		s.pos, len(s.block), s.ranks[0], s.ranks[1], s.threshold)
	s.pos = next
	s.Lines += rows
	s.Below += rows
}
