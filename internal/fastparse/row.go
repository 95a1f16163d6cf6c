package fastparse

import "math/bits"

// Reason is why a line is malformed.
type Reason struct {
	Column string // the malformed column; empty if the whole line is malformed
	Why    string
}

func (r Reason) String() string {
	if r.Column == "" {
		return r.Why
	}
	return r.Column + ": " + r.Why
}

// Fields holds the bounds of the first N fields of a row.
type Fields struct {
	// Starts[i] is the offset of field i in the block. Field i ends one byte before
	// Starts[i+1], so the first N+1 elements are set.
	Starts starts
	N      int
}

// starts has room for MaxColumns+1 elements, and for 64 more that Split may write. Its
// length is a power of two, so that a mask keeps an index in range.
type starts [2 * MaxColumns]uint32

// Bounds returns the offsets in the block of the start and the end of field i < N.
func (f *Fields) Bounds(i int) (from, to int) {
	const mask = uint(len(f.Starts) - 1) // lets the compiler see that i is in range
	return int(f.Starts[uint(i)&mask]), int(f.Starts[uint(i+1)&mask]) - 1
}

// Text returns field i < N of a row in block, as a slice of block.
func (f *Fields) Text(block []byte, i int) []byte {
	from, to := f.Bounds(i)
	return block[from:to]
}

// Uint reads field i < N of a row in block. ok is false unless the field consists of
// digits and is below 2^64.
func (f *Fields) Uint(block []byte, i int) (n uint64, ok bool) {
	from, to := f.Bounds(i)
	// Most counters are short: readShort is inlined, readUint is not.
	if n, ok := readShort(word(block[from:from+8]), to-from); ok {
		return n, true
	}
	return readUint(block, from, to)
}

// Decimal reads field i < N of a row in block. ok is false unless the field consists
// of digits with an optional fraction and is below MaxTime.
func (f *Fields) Decimal(block []byte, i int) (d Decimal, ok bool) {
	from, to := f.Bounds(i)
	return readDecimal(block, from, to)
}

// IsNotFinite reports whether field i < N of a row in block is nan or inf, as
// Tstat's C library writes them.
func (f *Fields) IsNotFinite(block []byte, i int) bool {
	switch string(f.Text(block, i)) {
	case "nan", "-nan", "inf", "-inf":
		return true
	}
	return false
}

// Split finds the first n fields of the current row, or all of them if there
// are fewer; n is 1 to MaxColumns.
func (s *Scanner) Split(f *Fields, n int) {
	f.N = min(split(s.space, s.Start, s.rowEnd(s.End), n, &f.Starts), n)
}

// splitPortable writes the offsets of the first n fields of a row to starts, or of all
// fields if the row has fewer. The row reaches from start to end. splitPortable returns
// the number of fields that it has found, which may exceed n. starts[0] to starts[found]
// are set as in Fields; later elements get undefined values.
func splitPortable(space []uint64, start, end, n int, starts *starts) (found int) {
	starts[0] = uint32(start)
	w, last := start>>6, end>>6
	m := space[w] &^ (1<<(start&63) - 1)
	for {
		if w == last {
			m &= 1<<(end&63) - 1
			m |= 1 << (end & 63)
		}
		base := uint32(w<<6 + 1)
		at := found + 1
		found += bits.OnesCount64(m)
		for ; at <= found; at += 4 { // always four at a time, which takes one branch instead of four
			four := (*[4]uint32)(starts[uint(at)%uint(len(starts)):])
			four[0] = base + uint32(bits.TrailingZeros64(m))
			m &= m - 1
			four[1] = base + uint32(bits.TrailingZeros64(m))
			m &= m - 1
			four[2] = base + uint32(bits.TrailingZeros64(m))
			m &= m - 1
			four[3] = base + uint32(bits.TrailingZeros64(m))
			m &= m - 1
		}
		if w == last || found >= n {
			return found
		}
		w++
		m = space[w]
	}
}
