package message

import "tstat-transport/internal/fastparse"

// times sets duration, start and end of the row. It returns the column that is
// malformed, or -1.
func (e *Encoder) times(p *program) (bad int) {
	thousandths, bad := e.readDuration(p)
	if bad >= 0 {
		return bad
	}
	e.seconds = ratio(thousandths, 1000) / 1000
	whole, cents := hundredths(e.seconds) // below 10^12 s
	e.values[duration].setHundredths(whole, cents)
	if e.layout.Protocol == fastparse.UDP {
		if e.settings.Milliseconds {
			whole = thousandths / 1000
		}
		return e.udpTimes(p, whole)
	}
	if p.absolute < 0 {
		e.setMoment(start, p.first)
		e.setMoment(end, p.last)
		return -1
	}
	return e.relativeTimes(p)
}

// setMoment sets start or end to a column in ms, cut off to the unit asked for.
func (e *Encoder) setMoment(i, column int) {
	v := &e.values[i]
	v.whole, v.cut, v.len = uint64(column), uint32(len("000")), 0
	if e.settings.Milliseconds {
		v.cut = 0
	}
}

// setMS sets start or end to a time in ms, cut off to the unit asked for.
func (e *Encoder) setMS(i int, ms uint64) {
	if !e.settings.Milliseconds {
		ms /= 1000
	}
	e.values[i].setText(ms)
}

// udpTimes sets start, and end to that and what has passed, in whole units.
func (e *Encoder) udpTimes(p *program, passed uint64) (bad int) {
	e.setMoment(start, p.absolute)
	e.setMoment(end, p.absolute)
	if passed == 0 {
		return -1
	}
	from, ok := e.decimal(p.absolute)
	if !ok {
		return p.absolute
	}
	unit := uint64(1000)
	if e.settings.Milliseconds {
		unit = 1
	}
	e.setMS(end, from.whole+passed*unit)
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
	e.setMS(start, absolute.whole)
	e.setMS(end, to)
	return -1
}

// readDuration returns the duration in ms/1000.
func (e *Encoder) readDuration(p *program) (n uint64, bad int) {
	d, ok := e.decimal(p.durat)
	if !ok {
		return 0, p.durat
	}
	field := e.field(p.durat)
	if e.layout.Protocol == fastparse.TCP || e.settings.UDPMilliseconds {
		return thousandths(d, field), -1
	}
	if d.whole >= maxTime/1000 {
		return 0, p.durat
	}
	return shiftedThousandths(d, field), -1
}
