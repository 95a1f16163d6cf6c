//go:build !purego

package message

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"tstat-transport/internal/fastparse"
)

var canJoin = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2

//go:noescape
func joinAVX2(pieces *piece, n int, starts *uint32, block *byte, values *value, out *byte, o int) (passed, end int, ok bool)

// joinQuick writes pieces at out[o:] as far as that is simple. It returns how
// many it has passed, and the offset behind them; of the next one the text is
// written and the value is not. It is not ok if one of them was malformed, or
// had zeros before it.
func joinQuick(pieces []piece, fields *fastparse.Fields, block []byte, values *values, out []byte, o int) (n, end int, ok bool) {
	if !canJoin {
		return 0, 0, false
	}
	passed, end, ok := joinAVX2(unsafe.SliceData(pieces), len(pieces), &fields.Starts[0], unsafe.SliceData(block), &values[0], unsafe.SliceData(out), o)
	return int(uint(passed) / uint(unsafe.Sizeof(piece{}))), end, ok
}

// byteRange says for 16 bytes what to subtract from each, and how large the rest
// may be.
type byteRange struct{ low, size [16]byte }

func (r *byteRange) digits(from, to int) {
	for i := from; i < to; i++ {
		r.low[i], r.size[i] = '0', 9
	}
	if to > from+1 { // no zero before other digits
		r.low[from], r.size[from] = '1', 8
	}
}

func (r *byteRange) anything(from, to int) {
	for i := from; i < to; i++ {
		r.low[i], r.size[i] = 0, 255
	}
}

// counterBytes are those of a counter of n digits and what is behind it, at index
// n+1. An empty one has none: what is behind it is no 0.
var counterBytes = func() (table [18]byteRange) {
	for n := range 17 {
		table[n+1].digits(0, n)
		table[n+1].anything(max(n, 1), 16)
	}
	return table
}()

// microBytes are those that begin with any, a point and six digits.
var microBytes = func() (r byteRange) {
	r.anything(0, 16)
	r.low[1], r.size[1] = '.', 0
	for i := 2; i < 8; i++ {
		r.digits(i, i+1)
	}
	return r
}()

// timeBytes are those that end with n digits, at index n-1, a point and six more.
var timeBytes = func() (table [8]byteRange) {
	for i := range table {
		t := &table[i]
		t.anything(0, 8-i)
		t.digits(8-i, 9)
		t.low[9] = '.'
		for i := 10; i < 16; i++ {
			t.digits(i, i+1)
		}
	}
	return table
}()
