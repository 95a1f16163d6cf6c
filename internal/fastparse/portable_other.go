//go:build !amd64 || purego

package fastparse

// index sets bit i%64 of newline[i/64] if block[i] is '\n', and of space if it
// is ' '. The lengths of block, newline and space are in proportion 64 to 1 to
// 1.
func index(block []byte, newline, space []uint64) { indexPortable(block, newline, space) }

// skipBelow does nothing: Next examines every row.
func (s *Scanner) skipBelow() {}

func split(space []uint64, start, end, n int, starts *starts) (found int) {
	return splitPortable(space, start, end, n, starts)
}

// renderFast leaves everything to renderPortable.
func (r *Renderer) renderFast([]Segment, []byte, int) (n, end int, ok bool) { return 0, 0, false }
