package fastparse

import (
	"bytes"
	"math/bits"
)

// Event is the kind of line that Next has found.
type Event uint8

// The events. Next skips empty lines and rows below the threshold.
const (
	End        Event = iota // no line is left
	Row                     // a row that reaches the threshold, or a malformed line
	HeaderLine              // a line that starts with '#', perhaps a header
)

// MaxBytes bounds byte counts: 8 * n, the number of bits, fits into a uint64 for
// every n < MaxBytes.
const MaxBytes = 1 << 61

// Scanner walks the lines of blocks. One Scanner serves one goroutine; it keeps
// its bitmaps from block to block.
type Scanner struct {
	// Start and End bound the line that Next has found; its newline is at End.
	Start, End int
	// Lines counts the lines since Reset, the current line included. Below counts
	// the rows below the threshold.
	Lines, Below int

	block          []byte
	pos            int
	newline, space []uint64
	layout         *Layout
	threshold      uint64
	// The first byte count of a row follows space number ranks[0] of the row. The
	// second byte count follows space number ranks[1] after the start of the first.
	ranks [2]int
}

// reach is the number of spare words after the bitmap of spaces. The row skipper reads up
// to 360 bits from the start of a row; the content of the spare words does not matter.
const reach = 8

// Reset begins a block of less than 4 GiB. The block holds whole lines, each ended
// by a newline, and has Padding bytes of capacity after them. The caller must not
// change the block before the next Reset. threshold is in bytes.
func (s *Scanner) Reset(block []byte, layout *Layout, threshold uint64) {
	words := (len(block) + 63) / 64
	if cap(s.newline) < words {
		s.newline, s.space = make([]uint64, words), make([]uint64, words+reach)[:words]
	}
	s.newline, s.space = s.newline[:words], s.space[:words]
	index(block[:words*64], s.newline, s.space)
	s.block, s.pos, s.Lines, s.Below = block, 0, 0, 0
	s.threshold = threshold
	s.SetLayout(layout)
}

// SetLayout sets the layout of the following lines.
func (s *Scanner) SetLayout(l *Layout) {
	s.layout = l
	first, second := min(l.byteColumns[0], l.byteColumns[1]), max(l.byteColumns[0], l.byteColumns[1])
	s.ranks = [2]int{first, second - first}
}

// Layout returns the layout in force.
func (s *Scanner) Layout() *Layout { return s.layout }

// Block returns the current block.
func (s *Scanner) Block() []byte { return s.block }

// Threshold returns the threshold in bytes.
func (s *Scanner) Threshold() uint64 { return s.threshold }

// Line returns the current line, without its newline, as a slice of the block.
func (s *Scanner) Line() []byte { return s.block[s.Start:s.End] }

// canSkip reports whether the row skipper can find the columns of the byte counts: it
// handles ranks from 1 to 63.
func (s *Scanner) canSkip() bool {
	const maxRank = 63
	return s.ranks[0] >= 1 && s.ranks[0] <= maxRank && s.ranks[1] <= maxRank
}

// SkipLine skips the next line. It is for a log's first line, which is a header even
// if it does not start with #. The block must have one more line.
func (s *Scanner) SkipLine() {
	s.pos += bytes.IndexByte(s.block[s.pos:], '\n') + 1
	s.Lines++
}

// Next advances to the next line that is neither empty nor a row below the threshold.
func (s *Scanner) Next() Event {
	for {
		if s.threshold > 0 {
			s.skipBelow()
		}
		if s.pos == len(s.block) {
			return End
		}
		start := s.pos
		w := start >> 6
		m := s.newline[w] &^ (1<<(start&63) - 1)
		for m == 0 {
			w++
			m = s.newline[w]
		}
		end := w<<6 + bits.TrailingZeros64(m)
		s.pos = end + 1
		s.Lines++
		if s.block[start] == '#' {
			s.Start, s.End = start, end
			return HeaderLine
		}
		if end-start <= 1 && (start == end || s.block[start] == '\r') {
			continue
		}
		if s.threshold > 0 && s.isBelow(start, end) {
			s.Below++
			continue
		}
		s.Start, s.End = start, end
		return Row
	}
}

// rowEnd returns the end of the last field of a non-empty row whose newline is at
// end. A carriage return before the newline is not part of the field.
func (s *Scanner) rowEnd(end int) int {
	if s.block[end-1] == '\r' {
		return end - 1
	}
	return end
}

// isBelow reports whether both byte counts of a line are valid and below the
// threshold.
func (s *Scanner) isBelow(start, end int) bool {
	end = s.rowEnd(end)
	from := s.afterSpace(start, s.ranks[0], end)
	next := s.afterSpace(from, 1, end)
	from2 := s.afterSpace(next, s.ranks[1]-1, end)
	if from2 >= end {
		return false
	}
	next2 := s.afterSpace(from2, 1, end)
	limit := min(s.threshold, MaxBytes)
	first, ok := readUint(s.block, from, next-1)
	second, ok2 := readUint(s.block, from2, next2-1)
	return ok && ok2 && first < limit && second < limit
}

// afterSpace returns the offset after the n-th space, counted from offset at; at itself if
// n is 0. It returns end+1 if the line has fewer spaces before end.
func (s *Scanner) afterSpace(at, n, end int) int {
	if n == 0 || at > end {
		return at
	}
	w, last := at>>6, end>>6
	m := s.space[w] &^ (1<<(at&63) - 1)
	for {
		c := bits.OnesCount64(m)
		if n <= c {
			break
		}
		n -= c
		w++
		if w > last {
			return end + 1
		}
		m = s.space[w]
	}
	for ; n > 1; n-- {
		m &= m - 1
	}
	return min(w<<6+bits.TrailingZeros64(m), end) + 1
}
