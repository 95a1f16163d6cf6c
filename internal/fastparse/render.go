package fastparse

import "encoding/binary"

const null = "null"

// Renderer writes the flows of a row. One Renderer serves one goroutine.
type Renderer struct {
	// Block holds the row, and has Padding bytes of capacity after its end.
	Block []byte
	// Fields are the row's fields, found by Split.
	Fields Fields
	// Values are the computed values.
	Values []Value

	nulls int // number of statistics written as null
}

// Render writes a flow at out[o:]: the segments one after the other. It returns the
// offset after the flow, and how many statistics are null because they are nan or
// inf. bad is -1, or the column that is malformed.
//
// out must have room for the text of each segment and MaxValue bytes for each value.
// Render may overwrite any byte of that room, also after end.
func (r *Renderer) Render(segments []Segment, out []byte, o int) (end, nulls, bad int) {
	r.nulls = 0
	at := o
	for rest := segments; len(rest) > 0; rest = rest[1:] {
		n, next, ok := r.renderFast(rest, out, at)
		if !ok { // start again: only renderPortable finds the malformed column
			r.nulls = 0
			end, bad = r.renderPortable(segments, out, o)
			return end, r.nulls, bad
		}
		at, rest = next, rest[n:]
		if len(rest) == 0 {
			break
		}
		if at, ok = r.putValue(&rest[0], out, at); !ok {
			return o, 0, r.column(&rest[0])
		}
	}
	return at, r.nulls, -1
}

// renderPortable is Render without assembly.
func (r *Renderer) renderPortable(segments []Segment, out []byte, o int) (end, bad int) {
	for i := range segments {
		s := &segments[i]
		*(*[MaxText]byte)(out[o:]) = s.text
		o += int(s.len)
		if s.format == Counter {
			from, to := r.Fields.Bounds(int(s.at))
			first := word(r.Block[from : from+8])
			if isShort(first, to-from) {
				binary.LittleEndian.PutUint64(out[o:], first)
				o += to - from
				continue
			}
		}
		var ok bool
		if o, ok = r.putValue(s, out, o); !ok {
			return o, r.column(s)
		}
	}
	return o, -1
}

// column returns the column that a segment reads.
func (r *Renderer) column(s *Segment) int {
	if s.format == MinMax || s.format == Timestamp {
		return int(r.Values[s.at].column)
	}
	return int(s.at)
}

// putValue writes the value of a segment at out[o:] and returns the offset after the
// value. ok is false if the segment's column is malformed.
func (r *Renderer) putValue(s *Segment, out []byte, o int) (end int, ok bool) {
	switch {
	case s.format == Number:
		return r.Values[s.at].putNumber(out, o), true
	case s.format == Text, s.format == Timestamp && r.Values[s.at].len > 0:
		return r.Values[s.at].putText(out, o), true
	}
	column := r.column(s)
	from, to := r.Fields.Bounds(column)
	switch s.format {
	case Timestamp:
		d, ok := readDecimal(r.Block, from, to)
		return putUint(out, o, d.Whole/powers[r.Values[s.at].cut]), ok
	case Address:
		if field := r.Block[from:to]; isAddress(field) {
			return o + copy(out[o:], field), true
		}
		return o, false
	case RTT:
		end, ok = putRTT(out, o, r.Block, from, to)
	default:
		n := copyUint(out[o:], r.Block, from, to)
		end, ok = o+n, n > 0
	}
	if !ok && s.format != Port && r.Fields.IsNotFinite(r.Block, column) {
		r.nulls++
		return o + copy(out[o:], null), true
	}
	return end, ok
}

// putRTT writes a time rounded to three decimals. If the time has the form of fixedTime,
// putRTT rounds the digits directly, except for a tie and for a fraction that rounds up
// to 1.
func putRTT(out []byte, o int, block []byte, from, to int) (end int, ok bool) {
	point, micro, ok := fixedTime(block, from, to)
	if ok && micro%1000 != 500 && micro < 999_500 {
		*(*[8]byte)(out[o:]) = [8]byte(block[from : from+8])
		return putFraction(out, o+point-from, (micro+500)/1000), true
	}
	d, ok := readDecimal(block, from, to)
	if !ok {
		return o, false
	}
	return putThousandths(out, o, d.Thousandths(block[from:to])), true
}

func (v *Value) putNumber(out []byte, o int) int {
	if v.len > 0 {
		return v.putText(out, o)
	}
	o = putUint(out, o, v.whole)
	binary.LittleEndian.PutUint32(out[o:], v.tail)
	return o + int(v.tailLen)
}

func (v *Value) putText(out []byte, o int) int {
	*(*[MaxValue]byte)(out[o:]) = v.text
	return o + v.len
}
