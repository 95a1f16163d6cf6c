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

// Fields is where the first fields of a row begin and end.
type Fields struct {
	starts [MaxColumns + 1]uint32 // of field i, one behind the end of field i-1
	n      int
}

// Len returns the number of fields found.
func (f *Fields) Len() int { return f.n }

// Bounds returns the offsets of field i < Len() in the block.
func (f *Fields) Bounds(i int) (from, to int) {
	return int(f.starts[i]), int(f.starts[i+1]) - 1
}

// Split finds the first n fields of the current row, or all of them if there
// are fewer; n is 1 to MaxColumns.
func (s *Scanner) Split(f *Fields, n int) {
	f.starts[0] = uint32(s.Start)
	w, last := s.Start>>6, s.End>>6
	m := s.space[w] &^ (1<<(s.Start&63) - 1)
	for i := 1; ; {
		for ; m != 0; m &= m - 1 {
			at := min(w<<6+bits.TrailingZeros64(m), s.End)
			f.starts[i] = uint32(at + 1)
			if i == n || at == s.End {
				f.n = i
				return
			}
			i++
		}
		if w++; w > last {
			f.starts[i] = uint32(s.End + 1)
			f.n = i
			return
		}
		m = s.space[w]
	}
}
