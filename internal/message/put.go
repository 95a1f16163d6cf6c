package message

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// The functions below write at out[o:] and return the offset behind what they
// wrote. They may clobber up to maxValue bytes from o on, which must be there.
// None writes an exponent.

const zeros = 0x3030303030303030 // "00000000"

// eightDigits returns the decimal digits of n < 10^8, one a byte, the first in
// the lowest.
func eightDigits(n uint64) uint64 {
	n = n/10000 | n%10000<<32
	hundreds := n * 10486 >> 20 & 0x0000007f0000007f // n/100 for n < 10^4, in each half
	n = hundreds | (n-100*hundreds)<<16
	tens := n * 103 >> 10 & 0x000f000f000f000f // n/10 for n < 100, in each quarter
	return tens | (n-10*tens)<<8
}

func putUint(out []byte, o int, n uint64) int {
	const tail = 1e8
	if n >= tail {
		o = putUint(out, o, n/tail)
		binary.LittleEndian.PutUint64(out[o:], eightDigits(n%tail)|zeros)
		return o + 8
	}
	digits := eightDigits(n)
	leading := bits.TrailingZeros64(digits|1<<56) &^ 7 // bits of leading zeros; the last digit stays
	binary.LittleEndian.PutUint64(out[o:], (digits|zeros)>>leading)
	return o + 8 - leading/8
}

// fractions are the decimals of n thousandths, without zeros at the end but for
// the first, and how many that leaves.
var fractions = func() (table [1000][4]byte) {
	for n := range table {
		digits, width := [3]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)}, byte(3)
		for width > 1 && digits[width-1] == '0' {
			width--
		}
		table[n] = [4]byte{digits[0], digits[1], digits[2], width}
	}
	return table
}()

// putFraction writes the point and n < 1000 thousandths, as one to three decimals.
func putFraction(out []byte, o int, n uint64) int {
	f := fractions[n]
	out[o] = '.'
	*(*[4]byte)(out[o+1:]) = f
	return o + 1 + int(f[3])
}

// putThousandths writes the double nearest to n/1000 with one to three decimals.
func putThousandths(out []byte, o int, n uint64) int {
	if n >= 1<<53 {
		return putShortest(out, o, ratio(n, 1000))
	}
	return putFraction(out, putUint(out, o, n/1000), n%1000)
}

// putRounded writes x >= 0, rounded to two decimals on its exact value, ties
// to even, with one or two decimals.
func putRounded(out []byte, o int, x float64) int {
	if x >= 1<<46 { // doubles are further apart than hundredths
		var buf [64]byte
		x, _ = strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'f', 2, 64)), 64)
		return putShortest(out, o, x)
	}
	double := math.Float64bits(x)
	shift := 1075 - int(double>>52) // x = mantissa / 2^shift, shift >= 0
	mantissa := double&(1<<52-1) | 1<<52
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
	return putFraction(out, putUint(out, o, whole), 10*cents)
}

// putRate writes n per second, 0 where there is no duration.
func putRate(out []byte, o int, n uint64, seconds float64) int {
	if seconds == 0 {
		out[o] = '0'
		return o + 1
	}
	return putRounded(out, o, float64(n)/seconds)
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
