package message

import (
	"encoding/binary"
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
	if point, micro, ok := fastparse.Time(block, from, to); ok {
		whole, _ := fastparse.Short(binary.LittleEndian.Uint64(block[from:from+8]), point-from)
		return decimal{whole: whole, micro: micro}, true
	}
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
	if d.whole >= 1e9 || d.more {
		f, _ := strconv.ParseFloat(string(field), 64)
		return exactThousandths(f)
	}
	n, rest := d.whole*1000+d.micro/1000, d.micro%1000
	if rest > 500 || rest == 500 && aboveTie(d, n) {
		n++
	}
	return n
}

// aboveTie tells whether the double nearest to d, which lies half-way between n
// and n+1 thousandths, is rounded to n+1.
func aboveTie(d decimal, n uint64) bool {
	const unit = 1e6
	micro := float64(d.whole*unit + d.micro) // below 2^53
	above := math.FMA(micro/unit, unit, -micro)
	return above > 0 || above == 0 && n%2 == 1
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
