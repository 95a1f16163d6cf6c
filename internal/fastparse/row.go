package fastparse

import "math/bits"

// Reason says why a line is malformed. Both strings live as long as the layout.
type Reason struct {
	Column string // the column at fault, empty if it is the line as a whole
	Why    string
}

func (r Reason) String() string {
	if r.Column == "" {
		return r.Why
	}
	return r.Column + ": " + r.Why
}

// Fields is where the first N fields of a row begin and end.
type Fields struct {
	// Starts holds the offset of field i in the block, one behind the end of
	// field i-1, for i from 0 to N.
	Starts [2 * MaxColumns]uint32
	N      int
}

// Bounds returns the offsets of field i < N in the block.
func (f *Fields) Bounds(i int) (from, to int) {
	const mask = 2*MaxColumns - 1 // lets the compiler see that i is in range
	return int(f.Starts[i&mask]), int(f.Starts[(i+1)&mask]) - 1
}

// Split finds the first n fields of the current row, or all of them if there
// are fewer; n is 1 to MaxColumns.
func (s *Scanner) Split(f *Fields, n int) {
	const mask = 2*MaxColumns - 1
	f.Starts[0] = uint32(s.Start)
	w, last := s.Start>>6, s.End>>6
	spaces := s.space[w : last+1]
	i := 1
	m := spaces[0] &^ (1<<(s.Start&63) - 1)
	for j := 0; ; {
		if j == len(spaces)-1 {
			m &= 1<<(s.End&63) - 1
			m |= 1 << (s.End & 63)
		}
		base := uint32((w+j)<<6 + 1)
		for ; m != 0; m &= m - 1 {
			f.Starts[i&mask] = base + uint32(bits.TrailingZeros64(m))
			if i == n {
				f.N = n
				return
			}
			i++
		}
		if j++; j == len(spaces) {
			f.N = i - 1
			return
		}
		m = spaces[j]
	}
}
