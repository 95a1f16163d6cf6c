package message

import (
	"math"
	"math/big"
	"strconv"

	"tstat-transport/internal/fastparse"
)

// maxWhole is the number of digits of the largest time before the point, and
// maxTime the first that is too large: 10^15 ms are 31,000 years.
const (
	maxWhole = 15
	maxTime  = 1e15
)

// decimal is a time, taken apart: whole + micro/10^6, exactly, unless more
// digits follow.
type decimal struct {
	whole uint64
	micro uint64 // the first six digits of the fraction
	more  bool   // there are others
}

// readDecimal reads digits with an optional fraction, a number below maxTime.
func readDecimal(block []byte, from, to int) (d decimal, ok bool) {
	const fraction = len(".000000")
	if point := to - fraction; point > from && point <= from+maxWhole && block[point] == '.' {
		whole, ok := fastparse.Uint(block, from, point)
		micro, ok2 := fastparse.Uint(block, point+1, to)
		return decimal{whole: whole, micro: micro}, ok && ok2
	}
	return readDecimalSlow(block[from:to])
}

func readDecimalSlow(field []byte) (d decimal, ok bool) {
	i := 0
	for ; i < len(field) && field[i] != '.'; i++ {
		digit := uint64(field[i] - '0')
		if digit > 9 || d.whole >= maxTime/10 {
			return decimal{}, false
		}
		d.whole = d.whole*10 + digit
	}
	if i == 0 || i == len(field)-1 {
		return decimal{}, false
	}
	for unit, rest := uint64(1e5), field[min(i+1, len(field)):]; len(rest) > 0; rest = rest[1:] {
		digit := uint64(rest[0] - '0')
		if digit > 9 {
			return decimal{}, false
		}
		d.micro += digit * unit
		d.more = d.more || unit == 0 && digit > 0
		unit /= 10
	}
	return d, true
}

// thousandths rounds the double nearest to the number that field stands for,
// read as d, to three decimals, as Python's round does, in thousandths. Only
// where the text is a tie, or doubles are so far apart that it may be one, is
// the double itself looked at.
func thousandths(d decimal, field []byte) uint64 {
	rest := d.micro % 1000
	if d.whole >= 1e9 || rest == 500 || d.more {
		f, _ := strconv.ParseFloat(string(field), 64)
		return exactThousandths(f)
	}
	n := d.whole*1000 + d.micro/1000
	if rest > 500 {
		n++
	}
	return n
}

// exactThousandths rounds the exact value of f <= 10^15 to thousandths, ties to
// even.
func exactThousandths(f float64) uint64 {
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], f, 'f', 3, 64)
	point := len(text) - 4
	whole, _ := strconv.ParseUint(string(text[:point]), 10, 64)
	fraction, _ := strconv.ParseUint(string(text[point+1:]), 10, 64)
	return whole*1000 + fraction
}

// shiftedThousandths is thousandths of 1000 times the number, which is below
// maxTime/1000, the shift done on its decimal text.
func shiftedThousandths(d decimal, field []byte) uint64 {
	if d.whole < 1e6 && !d.more {
		return d.whole*1e6 + d.micro
	}
	f, _ := strconv.ParseFloat(string(field)+"e3", 64)
	return exactThousandths(f)
}

// sum is a + (b - c), cut off to whole milliseconds and, if negative, to 0,
// where none of them has more digits than six behind the point.
func sum(a, b, c decimal) uint64 {
	const unit = 1e6
	micro := int64(a.micro) + int64(b.micro) - int64(c.micro)
	whole := int64(a.whole) + int64(b.whole) - int64(c.whole)
	for micro < 0 {
		micro += unit
		whole--
	}
	return uint64(max(whole+micro/unit, 0))
}

// exactSum is sum of any three decimals.
func exactSum(a, b, c []byte) uint64 {
	total, _ := new(big.Rat).SetString(string(a))
	y, _ := new(big.Rat).SetString(string(b))
	z, _ := new(big.Rat).SetString(string(c))
	total.Add(total, y.Sub(y, z))
	if total.Sign() < 0 {
		return 0
	}
	return new(big.Int).Quo(total.Num(), total.Denom()).Uint64()
}

// The functions below write at out[o:], which is long enough, and return the
// offset behind what they wrote. None writes an exponent.

const digitPairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

func putUint(out []byte, o int, n uint64) int {
	if n < 10 {
		out[o] = byte('0' + n)
		return o + 1
	}
	width := decimalWidth(n)
	end := o + width
	for i := end; ; {
		if n < 10 {
			out[i-1] = byte('0' + n)
			return end
		}
		pair := n % 100
		n /= 100
		i -= 2
		out[i], out[i+1] = digitPairs[2*pair], digitPairs[2*pair+1]
		if n == 0 {
			return end
		}
	}
}

func decimalWidth(n uint64) int {
	width := 1
	for ; n >= 10000; n /= 10000 {
		width += 4
	}
	switch {
	case n >= 1000:
		return width + 3
	case n >= 100:
		return width + 2
	case n >= 10:
		return width + 1
	}
	return width
}

// putThousandths writes the double nearest to n/1000 with one to three decimals.
func putThousandths(out []byte, o int, n uint64) int {
	whole, fraction := n/1000, n%1000
	if whole < 10 {
		out[o] = byte('0' + whole)
		o++
	} else if n < 1<<53 {
		o = putUint(out, o, whole)
	} else {
		return putShortest(out, o, ratio(n, 1000))
	}
	out[o] = '.'
	out[o+1] = byte('0' + fraction/100)
	out[o+2] = byte('0' + fraction/10%10)
	out[o+3] = byte('0' + fraction%10)
	switch {
	case fraction%10 != 0:
		return o + 4
	case fraction%100 != 0:
		return o + 3
	}
	return o + 2
}

// putRounded writes x >= 0, rounded to two decimals on its exact value, ties
// to even, with one or two decimals.
func putRounded(out []byte, o int, x float64) int {
	if x >= 1<<46 { // doubles are further apart than hundredths
		var buf [64]byte
		x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'f', 2, 64)), 64)
		return putShortest(out, o, x)
	}
	bits := math.Float64bits(x)
	shift := 1075 - int(bits>>52) // x = mantissa / 2^shift, shift >= 0
	mantissa := bits&(1<<52-1) | 1<<52
	if shift > 63 {
		mantissa, shift = 0, 1 // below 2^-11, or 0
	}
	whole := mantissa >> shift
	scaled := mantissa & (1<<shift - 1) * 100
	cents, rest := scaled>>shift, scaled&(1<<shift-1)
	if half := uint64(1) << shift >> 1; rest > half || rest == half && rest > 0 && cents&1 == 1 {
		cents++
	}
	if cents == 100 {
		whole, cents = whole+1, 0
	}
	o = putUint(out, o, whole)
	out[o] = '.'
	out[o+1] = digitPairs[2*cents]
	out[o+2] = digitPairs[2*cents+1]
	if cents%10 == 0 {
		return o + 2
	}
	return o + 3
}

// putShortest writes the shortest decimal that reads back as x, with at least
// one decimal.
func putShortest(out []byte, o int, x float64) int {
	text := strconv.AppendFloat(out[:o], x, 'f', -1, 64)
	for i := o; i < len(text); i++ {
		if text[i] == '.' {
			return len(text)
		}
	}
	return len(append(text, ".0"...))
}

// ratio returns a/b as Python divides integers: the double nearest to the
// quotient.
func ratio(a, b uint64) float64 {
	const exact = 1 << 53
	if a < exact && b < exact {
		return float64(a) / float64(b)
	}
	f, _ := new(big.Rat).SetFrac(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)).Float64()
	return f
}
