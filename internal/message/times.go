package message

import "tstat-transport/internal/fastparse"

// whole returns the number before the point.
func (v *value) whole() (n uint64) {
	for _, c := range v.text[:v.len] {
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
	thousandths, bad := e.readDuration(p)
	if bad >= 0 {
		return bad
	}
	e.seconds = ratio(thousandths, 1000) / 1000
	e.values[duration].setRounded(e.seconds)
	if e.layout.Kind == fastparse.UDP {
		return e.udpTimes(p, thousandths)
	}
	if p.absolute < 0 {
		bad = e.stamp(start, p.first)
		if bad < 0 {
			bad = e.stamp(end, p.last)
		}
		return bad
	}
	return e.relativeTimes(p)
}

// stamp sets start or end to a column, mostly by cutting off its text.
func (e *Encoder) stamp(to int, column int) (bad int) {
	from, end := e.fields.Bounds(column)
	cut := len("000")
	if e.settings.Milliseconds {
		cut = 0
	}
	point, _, ok := fastparse.SixDecimals(e.block, from, end)
	if ok && point-from > cut && point-from <= maxWhole {
		e.values[to].setField(e.block, from, point-cut)
		return -1
	}
	d, ok := readDecimal(e.block, from, end)
	if !ok {
		return column
	}
	e.setStamp(to, d.whole)
	return -1
}

func (e *Encoder) setStamp(to int, ms uint64) {
	if !e.settings.Milliseconds {
		ms /= 1000
	}
	e.values[to].setUint(ms)
}

// udpTimes sets start, and end to start and duration, both as they are sent.
func (e *Encoder) udpTimes(p *program, thousandths uint64) (bad int) {
	if bad := e.stamp(start, p.absolute); bad >= 0 {
		return bad
	}
	passed := thousandths / 1000
	if !e.settings.Milliseconds {
		passed = e.values[duration].whole()
	}
	if passed == 0 {
		e.values[end] = e.values[start]
	} else {
		e.values[end].setUint(e.values[start].whole() + passed)
	}
	return -1
}

// relativeTimes sets start and end of a TCP row with first_abs.
func (e *Encoder) relativeTimes(p *program) (bad int) {
	first, ok := e.decimal(p.first)
	if !ok {
		return p.first
	}
	last, ok := e.decimal(p.last)
	if !ok {
		return p.last
	}
	absolute, ok := e.decimal(p.absolute)
	if !ok {
		return p.absolute
	}
	to := sum(absolute, last, first)
	if absolute.more || last.more || first.more {
		to = exactSum(e.field(p.absolute), e.field(p.last), e.field(p.first))
	}
	e.setStamp(start, absolute.whole)
	e.setStamp(end, to)
	return -1
}

// readDuration returns the duration in ms/1000.
func (e *Encoder) readDuration(p *program) (n uint64, bad int) {
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
