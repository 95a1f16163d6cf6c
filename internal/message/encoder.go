package message

import (
	"encoding/binary"
	"strings"

	"tstat-transport/internal/fastparse"
)

// Encoder writes the flows of rows as JSON. One Encoder serves one goroutine.
type Encoder struct {
	settings Settings
	layout   *fastparse.Layout
	programs [2]*program // from the client, from the server

	// These are of the row in work.
	block   []byte
	fields  fastparse.Fields
	seconds float64 // the duration, not rounded to hundredths
	values  values
	// notFinite counts the statistics that were written as null.
	notFinite int
}

// NewEncoder returns an encoder for logs read under these settings.
func NewEncoder(s Settings) *Encoder { return &Encoder{settings: s} }

// use makes the programs for another layout.
func (e *Encoder) use(l *fastparse.Layout) {
	e.layout = l
	e.programs[0] = compile(l, e.settings, "c_", "s_")
	e.programs[1] = compile(l, e.settings, "s_", "c_")
}

// Row appends the flows of s's current Row, those of the directions that reach
// its threshold, to out, each with a comma before it, and returns how many they
// are. A malformed row leaves out as it was, with no flow and the reason.
func (e *Encoder) Row(out []byte, s *fastparse.Scanner) ([]byte, int, fastparse.Reason) {
	if s.Layout() != e.layout {
		e.use(s.Layout())
	}
	e.block, e.notFinite = s.Block(), 0
	s.Split(&e.fields, max(e.programs[0].columns, e.programs[1].columns))
	columns, size := 0, maxValue
	var counts [2]uint64
	for d, column := range e.layout.ByteCounts() {
		if column >= e.fields.N {
			return out, 0, tooFew
		}
		n, ok := e.uint(column)
		if !ok || n >= fastparse.MaxBytes {
			return out, 0, fastparse.Reason{Column: e.layout.Name(column), Why: "not a byte count below 2^61"}
		}
		counts[d] = n
		if p := e.programs[d]; n >= s.Threshold() {
			columns = max(columns, p.columns)
			size += p.size
		}
	}
	if e.fields.N < columns {
		return out, 0, tooFew
	}
	if cap(out)-len(out) < size {
		out = append(make([]byte, 0, 2*cap(out)+size), out...)
	}
	o, flows := len(out), 0
	room := out[:cap(out)]
	for d, p := range e.programs {
		if counts[d] < s.Threshold() {
			continue
		}
		bad := e.compute(p, 8*counts[d], flows == 0)
		if bad < 0 {
			o, bad = e.join(p.pieces, room, o)
		}
		if bad >= 0 {
			return out, 0, e.reason(bad)
		}
		flows++
	}
	return out[:o], flows, fastparse.Reason{}
}

// NotFinite returns how many statistics in the flows of the last row are null
// because Tstat computed them as nan or inf.
func (e *Encoder) NotFinite() int { return e.notFinite }

var tooFew = fastparse.Reason{Why: "too few fields"}

func (e *Encoder) field(column int) []byte {
	from, to := e.fields.Bounds(column)
	return e.block[from:to]
}

func (e *Encoder) decimal(column int) (decimal, bool) {
	from, to := e.fields.Bounds(column)
	return readDecimal(e.block, from, to)
}

func (e *Encoder) uint(column int) (uint64, bool) {
	from, to := e.fields.Bounds(column)
	word := binary.LittleEndian.Uint64(e.block[from : from+8])
	if n, ok := fastparse.Short(word, to-from); ok {
		return n, true
	}
	return fastparse.Uint(e.block, from, to)
}

// statistic reads a counter that may be nan or inf, which Tstat can write for
// what it computes: then finite is false and the value is null.
func (e *Encoder) statistic(column int) (n uint64, finite, ok bool) {
	n, ok = e.uint(column)
	if ok {
		return n, true, true
	}
	return 0, false, e.isNotFinite(column)
}

// isNotFinite reports whether a column is a statistic that is nan or inf. A port
// is no statistic.
func (e *Encoder) isNotFinite(column int) bool {
	switch string(e.field(column)) {
	case "nan", "-nan", "inf", "-inf":
		name := e.layout.Name(column)
		return name != "c_port" && name != "s_port"
	}
	return false
}

// reason says what the column should have been.
func (e *Encoder) reason(column int) fastparse.Reason {
	name := e.layout.Name(column)
	why := "not a number below 2^64"
	switch {
	case name == "c_ip" || name == "s_ip":
		why = "not an address of hex digits, : and . (at most 45)"
	case isTime(name):
		why = "not a time: digits with an optional fraction, below 10^15 ms"
	}
	return fastparse.Reason{Column: name, Why: why}
}

// isTime tells whether a column that a flow uses is a time or a duration.
func isTime(name string) bool {
	for _, part := range [...]string{"durat", "first", "last", "rtt_"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
