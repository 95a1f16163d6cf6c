package message

import (
	"math"
	"strconv"

	"tstat-transport/internal/fastparse"
)

// maxValue is the size of the longest value: a rate of 2^64 bits in a
// microsecond, a quotient of 2^-64, or an IPv6 address.
const maxValue = 48

// value is what no field says as it is to be written. The kind of a piece tells
// which of its parts count.
type value struct {
	// whole is a number, or what stands before its point, or a column.
	whole uint64
	// tail is what stands behind whole, tailLen bytes, the first in the lowest.
	tail, tailLen uint32
	// cut is how many digits before its point a time loses.
	cut uint32
	// text is copied whole, at the speed of a fixed size. If len is not 0, it
	// stands for a number or moment that the above cannot tell; a number's whole
	// is then larger than any that is written quickly.
	text [maxValue]byte
	len  int
}

// The values of a flow, as indices.
const (
	nothing = iota
	duration
	numBits
	bitRate
	packetRate
	rexmitRate
	mss
	sackCnt
	start
	end
	computedValues
)

type values [computedValues]value

func (v *value) setUint(n uint64) { v.whole, v.tailLen, v.len = n, 0, 0 }

func (v *value) setHundredths(whole, cents uint64) {
	v.whole, v.len = whole, 0
	v.tail, v.tailLen = fraction(10 * cents)
}

func (v *value) setText(n uint64) { v.len = putUint(v.text[:], 0, n) }

const null = "null"

// setNull sets what is computed of a statistic that is nan or inf.
func (v *value) setNull() { v.whole, v.len = math.MaxUint64, copy(v.text[:], null) }

// setRate sets n per second, 0 where there is no duration.
func (v *value) setRate(n uint64, seconds float64) {
	if seconds == 0 {
		v.setUint(0)
	} else {
		v.setRounded(float64(n) / seconds)
	}
}

// setRounded sets x >= 0, rounded to two decimals on its exact value, ties to
// even, with one or two decimals.
func (v *value) setRounded(x float64) {
	if x < maxHundredths {
		v.setHundredths(hundredths(x))
		return
	}
	var buf [64]byte
	x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'f', 2, 64)), 64)
	v.whole = math.MaxUint64
	v.len = putShortest(v.text[:], 0, x)
}

// setQuotient sets the text of a/b, not rounded; 0 where one of them is 0.
func (v *value) setQuotient(a, b uint64) {
	if a == 0 || b == 0 {
		v.text[0], v.len = '0', 1
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
	if first || e.layout.Protocol == fastparse.UDP { // both flows of a TCP row have the same times
		if bad := e.times(p); bad >= 0 {
			return bad
		}
	}
	v := &e.values
	v[numBits].setUint(bits)
	v[bitRate].setRate(bits, e.seconds)
	if p.packets >= 0 {
		packets, finite, ok := e.statistic(p.packets)
		if !ok {
			return p.packets
		}
		if finite {
			v[packetRate].setRate(packets, e.seconds)
		} else {
			v[packetRate].setNull()
		}
		if p.rexmits >= 0 {
			rexmits, finite2, ok := e.statistic(p.rexmits)
			if !ok {
				return p.rexmits
			}
			if finite && finite2 {
				v[rexmitRate].setQuotient(rexmits, packets)
			} else {
				v[rexmitRate].setNull()
			}
		}
	}
	return -1
}

// shared looks at what both flows of a row say in the same way.
func (e *Encoder) shared(p *program) (bad int) {
	for _, c := range p.choices {
		a, finite, ok := e.statistic(c.columns[0])
		if !ok {
			return c.columns[0]
		}
		b, finite2, ok := e.statistic(c.columns[1])
		if !ok {
			return c.columns[1]
		}
		column := c.columns[0] // null if either is nan or inf
		if finite && (!finite2 || (b < a) == (c.value == mss)) {
			column = c.columns[1]
		}
		e.values[c.value].whole = uint64(column)
	}
	return -1
}
