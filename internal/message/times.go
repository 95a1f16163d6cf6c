package message

import "tstat-transport/internal/fastparse"

// times sets duration, start and end. Like the functions in values.go it returns the column
// that is malformed, or -1.
func (e *Encoder) times(t *template) (bad int) {
	thousandths, bad := e.readDuration(t)
	if bad >= 0 {
		return bad
	}
	e.seconds = fastparse.Ratio(thousandths, 1000) / 1000
	seconds, cents := fastparse.Hundredths(e.seconds) // at most 10^12 s
	e.row.Values[duration].SetHundredths(seconds, cents)
	switch {
	case e.layout.Protocol == fastparse.UDP:
		ms := seconds * 1000 // the whole seconds of the duration as it is sent
		if e.settings.Milliseconds {
			ms = thousandths / 1000 // the whole ms of the duration
		}
		return e.udpTimes(t, ms)
	case t.absolute >= 0:
		return e.relativeTimes(t)
	}
	e.setTimestamp(start, t.first)
	e.setTimestamp(end, t.last)
	return -1
}

// setTimestamp sets start or end to a column in ms, truncated to the unit of the
// settings.
func (e *Encoder) setTimestamp(i, column int) {
	cut := len("000")
	if e.settings.Milliseconds {
		cut = 0
	}
	e.row.Values[i].SetTimestampColumn(column, cut)
}

// setMS sets start or end to a time in ms, truncated to the unit of the settings.
func (e *Encoder) setMS(i int, ms uint64) {
	if !e.settings.Milliseconds {
		ms /= 1000
	}
	e.row.Values[i].SetTimestamp(ms)
}

// udpTimes sets start, and end to start plus ms. If the unit is s, ms is a multiple of 1000.
func (e *Encoder) udpTimes(t *template, ms uint64) (bad int) {
	e.setTimestamp(start, t.absolute)
	if ms == 0 { // the general case below gives the same end, but is slower
		e.setTimestamp(end, t.absolute)
		return -1
	}
	from, ok := e.decimal(t.absolute)
	if !ok {
		return t.absolute
	}
	e.setMS(end, from.Whole+ms)
	return -1
}

// relativeTimes sets start and end of a TCP row that has first_abs. In such a row,
// first and last are relative to the start of the capture.
func (e *Encoder) relativeTimes(t *template) (bad int) {
	first, ok := e.decimal(t.first)
	if !ok {
		return t.first
	}
	last, ok := e.decimal(t.last)
	if !ok {
		return t.last
	}
	absolute, ok := e.decimal(t.absolute)
	if !ok {
		return t.absolute
	}
	e.setMS(start, absolute.Whole)
	sum, exact := fastparse.AddDifference(absolute, last, first)
	if !exact {
		sum = fastparse.AddDifferenceText(e.text(t.absolute), e.text(t.last), e.text(t.first))
	}
	e.setMS(end, sum)
	return -1
}

// readDuration returns the duration in thousandths of a ms.
func (e *Encoder) readDuration(t *template) (n uint64, bad int) {
	d, ok := e.decimal(t.durat)
	if !ok {
		return 0, t.durat
	}
	if e.layout.Protocol == fastparse.TCP || e.settings.UDPMilliseconds {
		return d.Thousandths(e.text(t.durat)), -1
	}
	if d.Whole >= fastparse.MaxTime/1000 { // the duration is in s, MaxTime is in ms
		return 0, t.durat
	}
	return d.ShiftedThousandths(e.text(t.durat)), -1
}
