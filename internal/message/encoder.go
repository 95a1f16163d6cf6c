package message

import (
	"slices"
	"strings"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/privacy"
)

// Encoder writes the flows of rows as JSON. One Encoder serves one goroutine.
type Encoder struct {
	settings  Settings
	layout    *fastparse.Layout
	templates [2]*template    // from the client, from the server
	addresses *privacy.Mapper // nil if addresses are not replaced
	ips       [2]int          // the columns of the addresses

	// State of the current row:
	row       fastparse.Renderer
	counts    [2]uint64 // byte counts: the client's, the server's
	seconds   float64   // the duration of the current flow, not rounded to hundredths
	notFinite int       // number of statistics that are nan or inf, in all flows
}

// NewEncoder returns an encoder for logs read under these settings.
func NewEncoder(s Settings) *Encoder {
	e := &Encoder{settings: s}
	if s.Privacy.On() {
		e.addresses = s.Privacy.NewMapper()
	}
	e.row.Values = make([]fastparse.Value, computedValues)
	return e
}

// compileFor compiles the templates for a layout.
func (e *Encoder) compileFor(l *fastparse.Layout) {
	e.layout = l
	e.ips = [2]int{l.Column("c_ip"), l.Column("s_ip")}
	e.templates[0] = compile(l, e.settings, "c_", "s_")
	e.templates[1] = compile(l, e.settings, "s_", "c_")
}

// Row appends a flow to out for each direction of s's current row that reaches
// the threshold of s, each flow with a comma in front. It returns out and the
// number of flows. If the row is malformed, Row returns out as it was, no flow,
// and the reason.
func (e *Encoder) Row(out []byte, s *fastparse.Scanner) ([]byte, int, fastparse.Reason) {
	if s.Layout() != e.layout {
		e.compileFor(s.Layout())
	}
	e.row.Block, e.notFinite = s.Block(), 0
	s.Split(&e.row.Fields, max(e.templates[0].columns, e.templates[1].columns))
	size, bad := e.byteCounts(s.Threshold())
	if bad >= 0 {
		return out, 0, e.reason(bad)
	}
	if cap(out)-len(out) < size {
		out = append(make([]byte, 0, 2*cap(out)+size), out...)
	}
	o, flows := len(out), 0
	room := out[:cap(out)]
	for i, t := range e.templates {
		if e.counts[i] < s.Threshold() {
			continue
		}
		if flows == 0 {
			bad = e.computeShared(t)
		}
		if bad < 0 {
			bad = e.compute(t, 8*e.counts[i])
		}
		if bad < 0 {
			var nulls int
			o, nulls, bad = e.row.Render(t.segments, room, o)
			e.notFinite += nulls
		}
		if bad >= 0 {
			e.notFinite = 0
			return out, 0, e.reason(bad)
		}
		flows++
	}
	return out[:o], flows, fastparse.Reason{}
}

// byteCounts reads the byte counts of the row. size is the room in bytes that Render needs
// for the row's flows. bad is the column that is malformed or missing, or -1.
func (e *Encoder) byteCounts(threshold uint64) (size, bad int) {
	columns := 0
	for i, column := range e.layout.ByteColumns() {
		if column >= e.row.Fields.N {
			return 0, column
		}
		n, ok := e.uint(column)
		if !ok || n >= fastparse.MaxBytes {
			return 0, column
		}
		e.counts[i] = n
		if t := e.templates[i]; n >= threshold {
			columns = max(columns, t.columns)
			size += t.size
		}
	}
	if e.row.Fields.N < columns {
		return 0, columns - 1
	}
	return size, -1
}

// NotFinite returns how many statistics in the flows of the last row are null
// because Tstat computed them as nan or inf.
func (e *Encoder) NotFinite() int { return e.notFinite }

func (e *Encoder) text(column int) []byte { return e.row.Fields.Text(e.row.Block, column) }

// statistic reads a counter. If Tstat computed it as nan or inf, finite is false
// and ok is true.
func (e *Encoder) statistic(column int) (n uint64, finite, ok bool) {
	n, ok = e.uint(column)
	if ok {
		return n, true, true
	}
	return 0, false, e.row.Fields.IsNotFinite(e.row.Block, column)
}

func (e *Encoder) uint(column int) (uint64, bool) { return e.row.Fields.Uint(e.row.Block, column) }

func (e *Encoder) decimal(column int) (fastparse.Decimal, bool) {
	return e.row.Fields.Decimal(e.row.Block, column)
}

// reason returns why the row is malformed: it lacks the column, or the column has another
// form than it should have.
func (e *Encoder) reason(column int) fastparse.Reason {
	if column >= e.row.Fields.N {
		return fastparse.Reason{Why: "too few fields"}
	}
	name := e.layout.Name(column)
	why := "not a number below 2^64"
	counts := e.layout.ByteColumns()
	switch {
	case slices.Contains(counts[:], column):
		why = "not a byte count below 2^61"
	case slices.Contains(e.ips[:], column) && e.addresses != nil:
		why = "not an IP address, so it cannot be replaced"
	case slices.Contains(e.ips[:], column):
		why = "not an address of hex digits, : and . (at most 45)"
	case isTime(name):
		why = "not a time: digits with an optional fraction, below 10^15 ms"
	}
	return fastparse.Reason{Column: name, Why: why}
}

// isTime reports whether a column that flows use is a time or a duration, by its name.
func isTime(name string) bool {
	for _, part := range [...]string{"durat", "first", "last", "rtt_"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
