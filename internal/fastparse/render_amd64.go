//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func renderAVX2(segments *Segment, n int, starts *uint32, block *byte, values *Value, ranges *byteRanges, out *byte, o int) (passed, end int, ok bool)

// renderFast writes segments at out[o:] and stops at a value that it leaves to putValue.
// It returns the number n of complete segments. If segment n exists, its text is
// written and its value is not. end is the offset after the written text. ok is false if
// renderPortable must write the flow: some value is malformed or has leading zeros, a
// counter is nan or inf, or the processor lacks an instruction. The output is then useless.
func (r *Renderer) renderFast(segments []Segment, out []byte, o int) (n, end int, ok bool) {
	if !useRender {
		return 0, 0, false
	}
	passed, end, ok := renderAVX2(unsafe.SliceData(segments), len(segments), &r.Fields.Starts[0], unsafe.SliceData(r.Block),
		unsafe.SliceData(r.Values), &ranges, unsafe.SliceData(out), o)
	return int(uint(passed) / uint(unsafe.Sizeof(Segment{}))), end, ok // passed is in bytes
}

// byteRange holds the allowed range of each of 16 bytes: byte b at i is allowed if
// b - low[i] <= size[i] in unsigned arithmetic.
type byteRange struct{ low, size [16]byte }

func (r *byteRange) digits(from, to int) {
	for i := from; i < to; i++ {
		r.low[i], r.size[i] = '0', 9
	}
}

// number allows a number without leading zeros.
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

// byteRanges are the ranges of the fields that renderAVX2 verifies, 16 bytes at a time.
type byteRanges struct {
	// counters[n+1] allows a number of n digits, then anything. The index is n+1 because
	// renderAVX2 computes a field's length + 1; counters[0] is unused. counters[1] refuses
	// an empty field: the byte after an empty field is a space, CR or LF, and counters[1]
	// allows only NUL there.
	counters [18]byteRange
	// micro allows any byte, a point, six digits, then anything.
	micro byteRange
	// times[n-1] allows anything, then a number of n digits, a point and six digits
	// at the end.
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
