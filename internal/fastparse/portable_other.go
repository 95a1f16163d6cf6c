//go:build !amd64 || purego

package fastparse

// index fills two bitmaps: bit i%64 of newline[i/64] tells whether block[i] is '\n', and
// the same bit of space tells whether block[i] is ' '. newline and space have one word
// for 64 bytes of block.
func index(block []byte, newline, space []uint64) { indexPortable(block, newline, space) }

// skipBelow does nothing: Next examines every row.
func (s *Scanner) skipBelow() {}

func split(space []uint64, start, end, n int, starts *starts) (found int) {
	return splitPortable(space, start, end, n, starts)
}

// renderFast leaves everything to renderPortable.
func (r *Renderer) renderFast([]Segment, []byte, int) (n, end int, ok bool) { return 0, 0, false }
