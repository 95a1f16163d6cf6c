package fastparse

import (
	"math"
	"strconv"
)

// Format tells how a segment writes its value.
type Format uint8

// The formats. The formats up to Port write a column of the row. The other formats write
// a [Value]. Counter must be 0: renderAVX2 compares the format with 0.
const (
	Counter   Format = iota // a column of digits; null if it is nan or inf
	Address                 // a column that is an IP address
	RTT                     // a column that is a time in ms, rounded to three decimals; null if it is nan or inf
	Port                    // a column of digits
	Timestamp               // the column that the value names, a time in ms, truncated; or the value's text
	MinMax                  // the column that the value names, as a Counter
	Number                  // the value's number
	Text                    // the value's text
)

// MaxText is the length in bytes of the longest text of a segment. A Renderer always
// copies MaxText bytes, which is faster than copying a variable number of bytes.
const MaxText = 32

// MaxValue is an upper bound of the length in bytes of a value, such as a rate of 2^64
// bits in a microsecond, a quotient of 2^-64, or an IPv6 address (45 bytes).
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

// Value is a value that the caller computes for each row. The format of the segment
// decides which fields of a Value are read:
//
//	Number     whole and tail; text if it is set
//	Text       text
//	Timestamp  column and cut; text if it is set
//	MinMax     column
type Value struct {
	whole         uint64         // the part of a number before the point
	tail, tailLen uint32         // the text of a number after whole: tailLen bytes, the first in the lowest byte
	column        uint32         // the column to write
	cut           uint32         // a timestamp omits this many digits before the point
	text          [MaxValue]byte // set if len is not 0
	len           int            // length of text
}

// inText is the value of the field whole if the number has a text. The assembly leaves
// numbers as large as inText to Go, so it need not look at len.
const inText = math.MaxUint64

// SetUint sets a number.
func (v *Value) SetUint(n uint64) { v.whole, v.tailLen, v.len = n, 0, 0 }

// SetHundredths sets the number whole + cents/100, written with one or two
// decimals.
func (v *Value) SetHundredths(whole, cents uint64) {
	v.whole, v.len = whole, 0
	v.tail, v.tailLen = fraction(10 * cents)
}

// SetColumn sets the column for MinMax.
func (v *Value) SetColumn(column int) { v.column = uint32(column) }

// SetTimestampColumn sets a timestamp to the time in a column, without the fraction and
// without the last cut digits before the point. A cut of 3 turns ms into s; the largest
// cut is 8.
func (v *Value) SetTimestampColumn(column, cut int) {
	v.column, v.cut, v.len = uint32(column), uint32(cut), 0
}

// SetTimestamp sets a timestamp to n.
func (v *Value) SetTimestamp(n uint64) { v.len = putUint(v.text[:], 0, n) }

// SetNull sets a number or a text to null.
func (v *Value) SetNull() { v.whole, v.len = inText, copy(v.text[:], null) }

// Room returns a buffer of MaxValue bytes, into which the caller writes a text before
// it calls SetText.
func (v *Value) Room() []byte { return v.text[:] }

// SetText sets a text: the first n >= 1 bytes of Room.
func (v *Value) SetText(n int) { v.len = n }

// SetRate sets the number n/seconds, rounded to two decimals; 0 if seconds is 0.
func (v *Value) SetRate(n uint64, seconds float64) {
	if seconds == 0 {
		v.SetUint(0)
	} else {
		v.setRounded(float64(n) / seconds)
	}
}

// setRounded sets the number x >= 0, its exact value rounded to two decimals, ties to
// even. From maxHundredths on, the double nearest to the rounded number is set, as
// Python's round returns it.
func (v *Value) setRounded(x float64) {
	if x < maxHundredths {
		v.SetHundredths(Hundredths(x))
		return
	}
	var buf [64]byte
	x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'f', 2, 64)), 64)
	v.whole = inText
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
