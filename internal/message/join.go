package message

import (
	"encoding/binary"

	"tstat-transport/internal/fastparse"
)

// join writes a flow at out[o:] and returns the offset behind it, or the
// column that is malformed.
func (e *Encoder) join(pieces []piece, out []byte, o int) (end, bad int) {
	at, notFinite := o, e.notFinite
	for rest := pieces; len(rest) > 0; rest = rest[1:] {
		n, behind, ok := joinQuick(rest, &e.fields, e.block, &e.values, out, at)
		if !ok {
			e.notFinite = notFinite
			return e.joinPortable(pieces, out, o)
		}
		at, rest = behind, rest[n:]
		if len(rest) == 0 {
			break
		}
		if at, ok = e.put(&rest[0], out, at); !ok {
			return o, e.column(&rest[0])
		}
	}
	return at, -1
}

// joinPortable does what join does, in plain Go.
func (e *Encoder) joinPortable(pieces []piece, out []byte, o int) (end, bad int) {
	for i := range pieces {
		p := &pieces[i]
		*(*[textSize]byte)(out[o:]) = p.text
		o += int(p.len)
		if p.kind == counter {
			from, to := e.fields.Bounds(int(p.at))
			word := binary.LittleEndian.Uint64(e.block[from : from+8])
			if fastparse.IsShort(word, to-from) {
				binary.LittleEndian.PutUint64(out[o:], word)
				o += to - from
				continue
			}
		}
		var ok bool
		if o, ok = e.put(p, out, o); !ok {
			return o, e.column(p)
		}
	}
	return o, -1
}

// column returns the column of a piece that is a field.
func (e *Encoder) column(p *piece) int {
	if p.kind == chosen || p.kind == moment {
		return int(e.values[p.at].whole)
	}
	return int(p.at)
}

// put writes the value of a piece at out[o:] and returns the offset behind it.
// It is not ok if that is a field that is malformed.
func (e *Encoder) put(p *piece, out []byte, o int) (end int, ok bool) {
	switch {
	case p.kind == number:
		return e.values[p.at].putNumber(out, o), true
	case p.kind == text, p.kind == moment && e.values[p.at].len > 0:
		return e.values[p.at].putText(out, o), true
	}
	column := e.column(p)
	from, to := e.fields.Bounds(column)
	switch p.kind {
	case moment:
		d, ok := readDecimal(e.block, from, to)
		if e.values[p.at].cut > 0 {
			d.whole /= 1000
		}
		return putUint(out, o, d.whole), ok
	case rtt:
		if end, ok := putRTT(out, o, e.block, from, to); ok {
			return end, true
		}
		return e.putNull(column, out, o)
	case address:
		if field := e.block[from:to]; fastparse.IsAddress(field) {
			return o + copy(out[o:], field), true
		}
		return o, false
	default:
		if n := fastparse.CopyUint(out[o:], e.block, from, to); n > 0 {
			return o + n, true
		}
		return e.putNull(column, out, o)
	}
}

// putNull writes null for a statistic that is nan or inf. ok is false for any
// other field.
func (e *Encoder) putNull(column int, out []byte, o int) (end int, ok bool) {
	if !e.isNotFinite(column) {
		return o, false
	}
	e.notFinite++
	return o + copy(out[o:], null), true
}

// putRTT writes a time, rounded to three decimals: on its text, unless that is a
// tie or the fraction becomes 1.
func putRTT(out []byte, o int, block []byte, from, to int) (end int, ok bool) {
	point, micro, ok := fastparse.Time(block, from, to)
	if ok && micro%1000 != 500 && micro < 999_500 {
		*(*[8]byte)(out[o:]) = [8]byte(block[from : from+8])
		return putFraction(out, o+point-from, (micro+500)/1000), true
	}
	d, ok := readDecimal(block, from, to)
	if !ok {
		return o, false
	}
	return putThousandths(out, o, thousandths(d, block[from:to])), true
}

func (v *value) putNumber(out []byte, o int) int {
	if v.len > 0 {
		return v.putText(out, o)
	}
	o = putUint(out, o, v.whole)
	binary.LittleEndian.PutUint32(out[o:], v.tail)
	return o + int(v.tailLen)
}

func (v *value) putText(out []byte, o int) int {
	*(*[maxValue]byte)(out[o:]) = v.text
	return o + v.len
}
