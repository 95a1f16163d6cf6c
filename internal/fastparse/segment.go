package fastparse

import (
	"math"
	"strconv"
)

// Format tells how a segment writes its value.
type Format uint8

// The formats. Counter, Port, Address and RTT write a column of the row. The other
// formats write a computed value, see [Value].
const (
	Counter   Format = iota // a column of digits; null if it is nan or inf
	Address                 // a column that is an IP address
	RTT                     // a column that is a time in ms, rounded to three decimals; null if it is nan or inf
	Port                    // a column of digits
	Timestamp               // a time in ms, truncated, from the column that the value names; or the value's text
	MinMax                  // the column that the value names, as a Counter
	Number                  // the value, as a number
	Text                    // the value, as text
)

// MaxText is the length in bytes of the longest text of a segment. A Renderer always
// copies MaxText bytes, which is faster than copying a variable number of bytes.
const MaxText = 32

// MaxValue is the length in bytes of the longest value, such as a rate of 2^64 bits
// in a microsecond, a quotient of 2^-64, or an IPv6 address.
const MaxValue = 48

// Segment is a constant text followed by a value.
type Segment struct {
	text   [MaxText]byte
	len    uint8
	format Format
	at     uint16 // the column, or the index of the computed value
}

// NewSegment returns a segment. text has at most MaxText bytes. at is the column, or
// the index of the computed value.
func NewSegment(text []byte, format Format, at int) Segment {
	s := Segment{len: uint8(len(text)), format: format, at: uint16(at)}
	copy(s.text[:], text)
	return s
}

// Value is a computed value of a flow, one that cannot be copied from a field. Which
// of its fields are used depends on the format of the segment.
type Value struct {
	// whole is the part of a number before the point, or a column.
	whole uint64
	// tail is the text after whole: tailLen bytes, the first in the lowest byte.
	tail, tailLen uint32
	// cut is the number of digits before the point that are cut off a timestamp.
	cut uint32
	// text is used if len is not 0, for a number or timestamp that the fields above
	// cannot express. whole is then math.MaxUint64 for a number, so that the
	// assembly leaves the number to Go.
	text [MaxValue]byte
	len  int
}

// SetUint sets a number.
func (v *Value) SetUint(n uint64) { v.whole, v.tailLen, v.len = n, 0, 0 }

// SetHundredths sets the number whole + cents/100, written with one or two
// decimals.
func (v *Value) SetHundredths(whole, cents uint64) {
	v.whole, v.len = whole, 0
	v.tail, v.tailLen = fraction(10 * cents)
}

// SetColumn sets the column for MinMax.
func (v *Value) SetColumn(column int) { v.whole = uint64(column) }

// SetTimestamp sets a timestamp to the time in a column, without the fraction and
// without the last cut digits before the point. A cut of 3 turns ms into s.
func (v *Value) SetTimestamp(column, cut int) { v.whole, v.cut, v.len = uint64(column), uint32(cut), 0 }

// SetTimestampText sets a timestamp to n.
func (v *Value) SetTimestampText(n uint64) { v.len = putUint(v.text[:], 0, n) }

// SetNull sets a number or a text to null.
func (v *Value) SetNull() { v.whole, v.len = math.MaxUint64, copy(v.text[:], null) }

// SetText sets a text of at most MaxValue bytes. write writes the text and returns its
// length, or 0 if it has no text to write; SetText then returns false.
func (v *Value) SetText(write func(out []byte) int) bool {
	v.len = write(v.text[:])
	return v.len > 0
}

// SetRate sets the number n per second, rounded to two decimals; 0 if seconds is
// 0.
func (v *Value) SetRate(n uint64, seconds float64) {
	if seconds == 0 {
		v.SetUint(0)
	} else {
		v.setRounded(float64(n) / seconds)
	}
}

// setRounded sets the number x >= 0, its exact value rounded to two decimals,
// ties to even, and written with one or two decimals.
func (v *Value) setRounded(x float64) {
	if x < maxHundredths {
		v.SetHundredths(Hundredths(x))
		return
	}
	var buf [64]byte
	x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'f', 2, 64)), 64)
	v.whole = math.MaxUint64
	v.len = putShortest(v.text[:], 0, x)
}

// SetQuotient sets the text of a/b, not rounded; 0 if a or b is 0.
func (v *Value) SetQuotient(a, b uint64) {
	if a == 0 || b == 0 {
		v.text[0], v.len = '0', 1
	} else {
		v.len = putShortest(v.text[:], 0, Ratio(a, b))
	}
}
