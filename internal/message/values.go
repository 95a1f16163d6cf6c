package message

import "tstat-transport/internal/fastparse"

// maxValue is the size of the longest value: a rate of 2^64 bits in a
// microsecond, a quotient of 2^-64, or an IPv6 address.
const maxValue = 48

// value is the text of what no field says. It is copied whole, at the speed of
// a fixed size.
type value struct {
	text [maxValue]byte
	len  int
}

// The values of a flow that are computed, as indices.
const (
	nothing = iota
	duration
	numBits
	bitRate
	packetRate
	rexmitRate
	rttAvg
	rttMin
	rttMax
	rttStd
	mss
	sackCnt
	start
	end
	computedValues
)

type values [computedValues]value

func (v *value) setUint(n uint64)                  { v.len = putUint(v.text[:], 0, n) }
func (v *value) setRounded(x float64)              { v.len = putRounded(v.text[:], 0, x) }
func (v *value) setRate(n uint64, seconds float64) { v.len = putRate(v.text[:], 0, n, seconds) }
func (v *value) setQuotient(a, b uint64) {
	if a == 0 || b == 0 {
		v.setUint(0)
	} else {
		v.len = putShortest(v.text[:], 0, ratio(a, b))
	}
}

// compute sets the values of a flow, and if it is the row's first also those
// that both have in common. It returns the column that is malformed, or -1.
func (e *Encoder) compute(p *program, bits uint64, first bool) (bad int) {
	if first {
		if bad := e.shared(p); bad >= 0 {
			return bad
		}
	}
	if first || e.layout.Kind == fastparse.UDP { // both flows of a TCP row have the same times
		if bad := e.times(p); bad >= 0 {
			return bad
		}
	}
	v := &e.values
	v[numBits].setUint(bits)
	v[bitRate].setRate(bits, e.seconds)
	if p.packets >= 0 {
		packets, ok := e.uint(p.packets)
		if !ok {
			return p.packets
		}
		v[packetRate].setRate(packets, e.seconds)
		if p.rexmits >= 0 {
			rexmits, ok := e.uint(p.rexmits)
			if !ok {
				return p.rexmits
			}
			v[rexmitRate].setQuotient(rexmits, packets)
		}
	}
	for _, r := range p.rtts {
		from, to := e.fields.Bounds(r.column)
		if !v[r.value].setRTT(e.block, from, to) {
			return r.column
		}
	}
	return -1
}

// shared looks at what both flows of a row say in the same way.
func (e *Encoder) shared(p *program) (bad int) {
	for _, c := range p.choices {
		a, ok := e.uint(c.columns[0])
		if !ok {
			return c.columns[0]
		}
		b, ok := e.uint(c.columns[1])
		if !ok {
			return c.columns[1]
		}
		chosen := c.columns[0]
		if (b < a) == (c.value == mss) {
			chosen = c.columns[1]
		}
		v := &e.values[c.value]
		from, to := e.fields.Bounds(chosen)
		v.len = fastparse.CopyUint(v.text[:], e.block, from, to)
	}
	return -1
}

// setRTT rounds a time to three decimals, mostly on its text. It is not ok
// where the field is none.
func (v *value) setRTT(block []byte, from, to int) (ok bool) {
	point, micro, ok := fastparse.SixDecimals(block, from, to)
	n, rest := micro/1000, micro%1000
	n += (500 - rest) >> 63                                // one up if rest > 500
	if !ok || point-from > 8 || rest == 500 || n == 1000 { // as thousandths and a carry need it
		d, ok := readDecimal(block, from, to)
		if ok {
			v.len = putThousandths(v.text[:], 0, thousandths(d, block[from:to]))
		}
		return ok
	}
	*(*[8]byte)(v.text[:]) = [8]byte(block[from : from+8])
	v.len = putFraction(v.text[:], point-from, n)
	return true
}

// setField copies a field of at most 16 bytes.
func (v *value) setField(block []byte, from, to int) {
	*(*[16]byte)(v.text[:]) = [16]byte(block[from : from+16])
	v.len = to - from
}
