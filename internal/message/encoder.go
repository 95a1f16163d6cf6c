package message

import (
	"strings"

	"tstat-transport/internal/fastparse"
)

// Encoder writes the flows of rows as JSON. One Encoder serves one goroutine.
type Encoder struct {
	settings Settings
	layout   *fastparse.Layout
	programs [2]*program // from the client, from the server
	fields   fastparse.Fields
	row      row
}

// row holds the values of the current row that more than one step needs.
type row struct {
	block                  []byte
	seconds                float64 // the duration, not rounded to hundredths
	bits, packets, rexmits uint64
	duration, start, end   text // as they are written
}

// NewEncoder returns an encoder for logs read under these settings.
func NewEncoder(s Settings) *Encoder { return &Encoder{settings: s} }

// use makes the programs for another layout.
func (e *Encoder) use(l *fastparse.Layout) {
	e.layout = l
	e.programs[0] = compile(l, e.settings, "c_", "s_")
	e.programs[1] = compile(l, e.settings, "s_", "c_")
}

// Row appends the flows of s's current Row, those of the directions with at
// least threshold bytes, to out, each with a comma before it, and returns how
// many they are. A malformed row leaves out as it was, with no flow and the
// reason. block is what s was reset to.
func (e *Encoder) Row(out []byte, s *fastparse.Scanner, block []byte, threshold uint64) ([]byte, int, fastparse.Reason) {
	if s.Layout() != e.layout {
		e.use(s.Layout())
	}
	columns, size := 0, textSize
	for d, p := range e.programs {
		if s.Bytes[d] >= threshold {
			columns = max(columns, p.columns)
			size += p.size
		}
	}
	s.Split(&e.fields, columns)
	if e.fields.Len() < columns {
		return out, 0, fastparse.Reason{Why: "too few fields"}
	}
	if cap(out)-len(out) < size {
		out = append(make([]byte, 0, 2*cap(out)+size), out...)
	}
	e.row.block = block
	o, flows := len(out), 0
	room := out[:cap(out)]
	for d, p := range e.programs {
		if s.Bytes[d] < threshold {
			continue
		}
		e.row.bits = s.Bytes[d] * 8
		bad := e.counts(p)
		if bad < 0 && (flows == 0 || e.layout.Kind == fastparse.UDP) { // both flows of a TCP row have the same times
			bad = e.times(p)
		}
		if bad < 0 {
			o, bad = e.run(p.steps, room, o)
		}
		if bad >= 0 {
			return out, 0, e.reason(bad)
		}
		flows++
	}
	return out[:o], flows, fastparse.Reason{}
}

// counts reads the counters behind the rates. It returns the column that is
// malformed, or -1.
func (e *Encoder) counts(p *program) (bad int) {
	var ok bool
	if p.packets >= 0 {
		if e.row.packets, ok = e.uint(p.packets); !ok {
			return p.packets
		}
	}
	if p.rexmits >= 0 {
		if e.row.rexmits, ok = e.uint(p.rexmits); !ok {
			return p.rexmits
		}
	}
	return -1
}

func (e *Encoder) field(column int) []byte {
	from, to := e.fields.Bounds(column)
	return e.row.block[from:to]
}

func (e *Encoder) decimal(column int) (decimal, bool) {
	from, to := e.fields.Bounds(column)
	return readDecimal(e.row.block, from, to)
}

func (e *Encoder) uint(column int) (uint64, bool) {
	from, to := e.fields.Bounds(column)
	return fastparse.Uint(e.row.block, from, to)
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

// run writes a flow at out[at:] and returns the offset behind it, or the
// column that is malformed.
func (e *Encoder) run(steps []step, out []byte, at int) (o, bad int) {
	o = at
	r := &e.row
	for i := range steps {
		s := &steps[i]
		*(*[textSize]byte)(out[o:]) = s.text
		o += int(s.len)
		switch s.op {
		case number:
			from, to := e.fields.Bounds(int(s.a))
			if c := r.block[from]; to-from == 1 && c-'0' < 10 { // most counters are
				out[o] = c
				o++
				continue
			}
			n := fastparse.CopyUint(out[o:], r.block, from, to)
			if n == 0 {
				return o, int(s.a)
			}
			o += n
		case rtt:
			from, to := e.fields.Bounds(int(s.a))
			d, ok := readDecimal(r.block, from, to)
			if !ok {
				return o, int(s.a)
			}
			o = putThousandths(out, o, thousandths(d, r.block[from:to]))
		case smaller, larger:
			n, ok := e.uint(int(s.a))
			if !ok {
				return o, int(s.a)
			}
			other, ok := e.uint(int(s.b))
			if !ok {
				return o, int(s.b)
			}
			if (other < n) == (s.op == smaller) {
				n = other
			}
			o = putUint(out, o, n)
		case ip:
			from, to := e.fields.Bounds(int(s.a))
			if !fastparse.IsAddress(r.block[from:to]) {
				return o, int(s.a)
			}
			o += copy(out[o:], r.block[from:to])
		case duration:
			o = r.duration.put(out, o)
		case numBits:
			o = putUint(out, o, r.bits)
		case bitRate:
			o = putRate(out, o, r.bits, r.seconds)
		case packetRate:
			o = putRate(out, o, r.packets, r.seconds)
		case rexmitRate:
			if r.rexmits == 0 || r.packets == 0 {
				out[o] = '0'
				o++
			} else {
				o = putShortest(out, o, ratio(r.rexmits, r.packets))
			}
		case start:
			o = r.start.put(out, o)
		case end:
			o = r.end.put(out, o)
		}
	}
	return o, -1
}

// putRate writes n per second, 0 where there is no duration.
func putRate(out []byte, o int, n uint64, seconds float64) int {
	if seconds == 0 {
		out[o] = '0'
		return o + 1
	}
	return putRounded(out, o, float64(n)/seconds)
}
