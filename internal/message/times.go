package message

import "tstat-transport/internal/fastparse"

// text is a value that is written more than once. It is copied whole, at the
// speed of a fixed size.
type text struct {
	bytes [textSize]byte
	len   int
}

func (t *text) setUint(n uint64)     { t.len = putUint(t.bytes[:], 0, n) }
func (t *text) setRounded(x float64) { t.len = putRounded(t.bytes[:], 0, x) }

func (t *text) put(out []byte, o int) int {
	*(*[textSize]byte)(out[o:]) = t.bytes
	return o + t.len
}

// whole returns the number before the point.
func (t *text) whole() (n uint64) {
	for _, c := range t.bytes[:t.len] {
		if c == '.' {
			break
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// times sets duration, start and end of the row. It returns the column that is
// malformed, or -1.
func (e *Encoder) times(p *program) (bad int) {
	thousandths, bad := e.duration(p)
	if bad >= 0 {
		return bad
	}
	r := &e.row
	r.seconds = ratio(thousandths, 1000) / 1000
	r.duration.setRounded(r.seconds)
	var start, end uint64
	if e.layout.Kind == fastparse.TCP {
		start, end, bad = e.startAndEnd(p)
		if bad >= 0 {
			return bad
		}
		if !e.settings.Milliseconds {
			start, end = start/1000, end/1000
		}
	} else {
		first, ok := e.decimal(p.absolute)
		if !ok {
			return p.absolute
		}
		start, end = first.whole, first.whole+thousandths/1000
		if !e.settings.Milliseconds {
			start /= 1000
			end = start + r.duration.whole()
		}
	}
	r.start.setUint(start)
	r.end.setUint(end)
	return -1
}

// duration reads the duration, in ms/1000.
func (e *Encoder) duration(p *program) (n uint64, bad int) {
	d, ok := e.decimal(p.durat)
	if !ok {
		return 0, p.durat
	}
	field := e.field(p.durat)
	if e.layout.Kind == fastparse.TCP || e.settings.UDPMilliseconds {
		return thousandths(d, field), -1
	}
	if d.whole >= maxTime/1000 {
		return 0, p.durat
	}
	return shiftedThousandths(d, field), -1
}

// startAndEnd reads start and end of a TCP row, in ms.
func (e *Encoder) startAndEnd(p *program) (start, end uint64, bad int) {
	first, ok := e.decimal(p.first)
	if !ok {
		return 0, 0, p.first
	}
	last, ok := e.decimal(p.last)
	if !ok {
		return 0, 0, p.last
	}
	if p.absolute < 0 {
		return first.whole, last.whole, -1
	}
	absolute, ok := e.decimal(p.absolute)
	if !ok {
		return 0, 0, p.absolute
	}
	if absolute.more || last.more || first.more {
		return absolute.whole, exactSum(e.field(p.absolute), e.field(p.last), e.field(p.first)), -1
	}
	return absolute.whole, sum(absolute, last, first), -1
}
