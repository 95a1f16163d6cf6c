package fastparse

import (
	"math"
	"math/big"
	"strconv"
)

// MaxTime bounds times: every time in ms is below MaxTime (31,000 years).
// maxWhole is the number of digits before the point of the largest time.
const (
	MaxTime  = 1e15
	maxWhole = 15
)

// Decimal is a decimal number below MaxTime. Its value is Whole + micro/10^6, or
// slightly larger if more is set.
type Decimal struct {
	Whole uint64
	micro uint64 // the first six digits of the fraction
	more  bool   // a later digit of the fraction is not 0
}

// readDecimal reads digits with an optional fraction, a number below MaxTime. block
// must have Padding bytes of capacity past to.
func readDecimal(block []byte, from, to int) (d Decimal, ok bool) {
	const fraction = len(".000000")
	if point, micro, ok := fixedTime(block, from, to); ok {
		whole, _ := readShort(word(block[from:from+8]), point-from)
		return Decimal{Whole: whole, micro: micro}, true
	}
	if point := to - fraction; point > from && point <= from+maxWhole && block[point] == '.' {
		whole, ok := readUint(block, from, point)
		micro, ok2 := readUint(block, point+1, to)
		return Decimal{Whole: whole, micro: micro}, ok && ok2
	}
	return readDecimalSlow(block[from:to])
}

func readDecimalSlow(field []byte) (d Decimal, ok bool) {
	i := 0
	for ; i < len(field) && field[i] != '.'; i++ {
		digit := uint64(field[i] - '0')
		if digit > 9 || d.Whole >= MaxTime/10 {
			return Decimal{}, false
		}
		d.Whole = d.Whole*10 + digit
	}
	if i == 0 || i == len(field)-1 {
		return Decimal{}, false
	}
	for unit, rest := uint64(1e5), field[min(i+1, len(field)):]; len(rest) > 0; rest = rest[1:] {
		digit := uint64(rest[0] - '0')
		if digit > 9 {
			return Decimal{}, false
		}
		d.micro += digit * unit
		d.more = d.more || unit == 0 && digit > 0
		unit /= 10
	}
	return d, true
}

// Thousandths returns the double nearest to d, rounded to three decimals as
// Python's round does, in thousandths. text is the field that d was read from.
//
// Below 10^9 the double differs from d by less than 10^-7. Digits that are not a tie
// differ from a tie by at least 10^-6, so digits and double round to the same number.
// If the digits are a tie, aboveTie tells how the double is rounded.
func (d Decimal) Thousandths(text []byte) uint64 {
	if d.Whole >= 1e9 || d.more {
		f, _ := strconv.ParseFloat(string(text), 64)
		return exactThousandths(f)
	}
	n, rest := d.Whole*1000+d.micro/1000, d.micro%1000
	if rest > 500 || rest == 500 && aboveTie(d, n) {
		n++
	}
	return n
}

// aboveTie reports whether the double nearest to d is rounded to n+1 thousandths. d lies
// half-way between n and n+1 thousandths. The fused multiply-add computes the error of the
// division exactly.
func aboveTie(d Decimal, n uint64) bool {
	const unit = 1e6
	micro := float64(d.Whole*unit + d.micro) // below 2^53
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

// ShiftedThousandths returns the Thousandths of 1000 * d. d must be below MaxTime/1000.
// text is the field that d was read from.
func (d Decimal) ShiftedThousandths(text []byte) uint64 {
	if d.Whole < 1e6 && !d.more {
		return d.Whole*1e6 + d.micro
	}
	f, _ := strconv.ParseFloat(string(text)+"e3", 64) // nearest to exactly 1000 * d
	return exactThousandths(f)
}

// AddDifference returns a + (b - c), truncated to a whole number, or 0 if the result
// is negative. exact is false if a decimal after the sixth of a, b or c is not 0: the
// caller must then use AddDifferenceText.
func AddDifference(a, b, c Decimal) (sum uint64, exact bool) {
	const unit = 1e6
	micro := int64(a.micro) + int64(b.micro) - int64(c.micro)
	whole := int64(a.Whole) + int64(b.Whole) - int64(c.Whole)
	if micro < 0 {
		micro += unit
		whole--
	}
	return uint64(max(whole+micro/unit, 0)), !a.more && !b.more && !c.more
}

// AddDifferenceText is AddDifference for fields with any number of decimals.
func AddDifferenceText(a, b, c []byte) uint64 {
	total, _ := new(big.Rat).SetString(string(a))
	y, _ := new(big.Rat).SetString(string(b))
	z, _ := new(big.Rat).SetString(string(c))
	total.Add(total, y.Sub(y, z))
	if total.Sign() < 0 {
		return 0
	}
	return new(big.Int).Quo(total.Num(), total.Denom()).Uint64()
}

// Ratio returns a/b as Python divides integers: the double nearest to the
// quotient.
func Ratio(a, b uint64) float64 {
	const exact = 1 << 53
	if a < exact && b < exact {
		return float64(a) / float64(b)
	}
	f, _ := new(big.Rat).SetFrac(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)).Float64()
	return f
}
