package fastparse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// The put functions write at out[o:] and return the offset after the written text.
// out must have MaxValue bytes from o on, and a put function may overwrite all of
// them. No put function writes an exponent.

// eightDigits returns the decimal digits of n < 10^8, one a byte, the first in
// the lowest. It divides by 10^4, by 100 in both halves, and by 10 in all four
// quarters, each by a multiplication and a shift; see Lemire, "Converting
// integers to fix-digit representations quickly" (2021).
func eightDigits(n uint64) uint64 {
	n = n/10000 | n%10000<<32
	hundreds := n * 10486 >> 20 & 0x0000007f0000007f // n/100 for n < 10^4, in each half
	n = hundreds | (n-100*hundreds)<<16
	tens := n * 103 >> 10 & 0x000f000f000f000f // n/10 for n < 100, in each quarter
	return tens | (n-10*tens)<<8
}

func putUint(out []byte, o int, n uint64) int {
	if n >= 1e8 {
		o = putUint(out, o, n/1e8)
		binary.LittleEndian.PutUint64(out[o:], eightDigits(n%1e8)|zeros)
		return o + 8
	}
	digits := eightDigits(n)
	leading := bits.TrailingZeros64(digits|1<<56) &^ 7 // 8 bits a leading zero; bit 56 keeps the last digit
	binary.LittleEndian.PutUint64(out[o:], (digits|zeros)>>leading)
	return o + 8 - leading/8
}

// fractions[n] holds the three decimals of n thousandths, the first in the lowest byte,
// and in the highest byte the number of decimals (at least one) without trailing zeros.
var fractions = func() (table [1000]uint32) {
	for n := range table {
		digits, width := fmt.Appendf(nil, "%03d", n), 3
		for width > 1 && digits[width-1] == '0' {
			width--
		}
		table[n] = binary.LittleEndian.Uint32(append(digits, byte(width)))
	}
	return table
}()

// fraction returns a point and the decimals of n < 1000 thousandths as text, the
// point in the lowest byte, and the length of the text.
func fraction(n uint64) (text, length uint32) {
	f := fractions[n]
	return f<<8 | '.', 1 + f>>24
}

func putFraction(out []byte, o int, n uint64) int {
	text, length := fraction(n)
	binary.LittleEndian.PutUint32(out[o:], text)
	return o + int(length)
}

// maxThousandths is 2^43 in thousandths. Below 2^43, doubles are closer together than a
// thousandth, so the shortest decimal of the double nearest to n/1000 is n/1000.
const maxThousandths = 1000 << 43

// putThousandths writes the double nearest to n/1000 with one to three decimals.
func putThousandths(out []byte, o int, n uint64) int {
	if n >= maxThousandths {
		return putShortest(out, o, Ratio(n, 1000))
	}
	return putFraction(out, putUint(out, o, n/1000), n%1000)
}

// maxHundredths bounds the x of Hundredths. Below 2^46, doubles are closer together than a
// hundredth, so the shortest decimal of the double nearest to n/100 is n/100.
const maxHundredths = 1 << 46

// Hundredths rounds the exact value of 0 <= x < 2^46 to whole + cents/100, ties to
// even.
func Hundredths(x float64) (whole, cents uint64) {
	double := math.Float64bits(x)
	shift := 1075 - double>>52 // x = mantissa / 2^shift; shift > 0, since x < 2^52
	mantissa := double&(1<<52-1) | 1<<52
	if shift > 63 {
		return 0, 0 // below 2^-11
	}
	unit := uint64(1) << (shift & 63) // 1, as a mantissa
	whole = mantissa >> (shift & 63)
	scaled := mantissa & (unit - 1) * 100
	cents = scaled >> (shift & 63)
	rest := scaled & (unit - 1)
	half := unit / 2
	cents += (half - rest) >> 63      // 1 if rest > half, without a branch
	if rest == half && cents&1 == 1 { // a tie
		cents++
	}
	if cents == 100 {
		return whole + 1, 0
	}
	return whole, cents
}

// putShortest writes the shortest decimal that reads back as x, with at least
// one decimal.
func putShortest(out []byte, o int, x float64) int {
	text := strconv.AppendFloat(out[:o], x, 'f', -1, 64)
	if bytes.IndexByte(text[o:], '.') < 0 {
		text = append(text, ".0"...)
	}
	return len(text)
}
