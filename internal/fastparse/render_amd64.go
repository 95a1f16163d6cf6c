//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func renderAVX2(segments *Segment, n int, starts *uint32, block *byte, values *Value, ranges *byteRanges, out *byte, o int) (passed, end int, ok bool)

// renderFast writes segments at out[o:] as far as they are simple. It returns how
// many segments it has passed and the offset behind them; of the next one, the
// text is written and the value is not. ok is false if a value was malformed or
// had leading zeros.
func (r *Renderer) renderFast(segments []Segment, out []byte, o int) (n, end int, ok bool) {
	if !useRender {
		return 0, 0, false
	}
	passed, end, ok := renderAVX2(unsafe.SliceData(segments), len(segments), &r.Fields.Starts[0], unsafe.SliceData(r.Block),
		unsafe.SliceData(r.Values), &ranges, unsafe.SliceData(out), o)
	return int(uint(passed) / uint(unsafe.Sizeof(Segment{}))), end, ok
}

// byteRange says for 16 bytes what to subtract from each, and how large the rest
// may be.
type byteRange struct{ low, size [16]byte }

func (r *byteRange) digits(from, to int) {
	for i := from; i < to; i++ {
		r.low[i], r.size[i] = '0', 9
	}
}

// number is digits without a zero before others.
func (r *byteRange) number(from, to int) {
	r.digits(from, to)
	if to > from+1 {
		r.low[from], r.size[from] = '1', 8
	}
}

func (r *byteRange) point(at int) { r.low[at] = '.' }

func (r *byteRange) anything(from, to int) {
	for i := from; i < to; i++ {
		r.size[i] = 255
	}
}

// byteRanges are what fields must consist of.
type byteRanges struct {
	// counters are those of a counter of n digits and what is behind it, at index
	// n+1. An empty one has none: what is behind it is no 0.
	counters [18]byteRange
	// micro begins with anything, a point and six digits.
	micro byteRange
	// times end with a number of n digits, at index n-1, a point and six digits.
	times [8]byteRange
}

var ranges = func() (r byteRanges) {
	for n := range 17 {
		r.counters[n+1].number(0, n)
		r.counters[n+1].anything(max(n, 1), 16)
	}
	r.micro.anything(0, 1)
	r.micro.point(1)
	r.micro.digits(2, 8)
	r.micro.anything(8, 16)
	for i := range r.times {
		t := &r.times[i]
		t.anything(0, 8-i)
		t.number(8-i, 9)
		t.point(9)
		t.digits(10, 16)
	}
	return r
}()
