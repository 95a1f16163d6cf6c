package fastparse

import "encoding/binary"

// Padding is the number of readable bytes that a block must have after its end,
// because fields are loaded in whole words. The content of these bytes does not
// matter.
const Padding = 64

const zeros = 0x3030303030303030 // "00000000"

// word returns a field's first eight bytes, the first in the lowest byte.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// digits8 returns the values of the first n (1 to 8) digits of w, one a byte, the last
// digit in the highest byte. The lower bytes are 0. invalid is 0 if all n bytes are
// digits.
func digits8(w uint64, n int) (values, invalid uint64) {
	values = (w ^ zeros) << ((64 - 8*n) & 63)
	return values, nondigits(values)
}

// nondigits returns 0 if every byte is a value from 0 to 9. A larger value has its
// highest bit set, or gets it by the addition, since 10 + 0x76 = 0x80.
func nondigits(values uint64) uint64 { return (values + 0x7676767676767676 | values) & highs }

// leadingZero returns 1 if the number of n digits at the start of w has a leading zero,
// else 0. The first subtraction is negative if the first byte is '0', and 1-n is negative
// if another digit follows.
func leadingZero(w uint64, n int) uint64 {
	return ((w&0xff ^ '0') - 1) & uint64(1-n) >> 63
}

// readShort reads a field of n bytes that begins with w. ok is false unless the field is
// a number of one to eight digits.
func readShort(w uint64, n int) (value uint64, ok bool) {
	values, invalid := digits8(w, n)
	return number8(values), uint(n-1) < 8 && invalid == 0
}

// isShort reports whether a field of n bytes that begins with w is a number of one to
// eight digits without leading zeros.
func isShort(w uint64, n int) bool {
	_, invalid := digits8(w, n)
	return uint(n-1) < 8 && invalid|leadingZero(w, n) == 0
}

// number8 combines eight digit values into a number in three steps: pairs, groups of
// four, all eight. Each multiplication adds a group, times its weight, to the group after
// it.
func number8(values uint64) uint64 {
	values = values * (10<<8 + 1) >> 8
	values = values & 0x00ff00ff00ff00ff * (100<<16 + 1) >> 16
	return values & 0x0000ffff0000ffff * (10000<<32 + 1) >> 32
}

// powers are the powers of ten.
var powers = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// readUint reads the decimal digits block[from:to]; block must have Padding bytes of
// capacity past to. ok is false for an empty field, for anything but digits, and
// for a number of more than 64 bits.
func readUint(block []byte, from, to int) (value uint64, ok bool) {
	n := to - from
	if n <= 0 {
		return 0, false
	}
	b := block[from : to+16]
	if n <= 8 {
		v, invalid := digits8(word(b), n)
		return number8(v), invalid == 0
	}
	if n <= 16 {
		high, invalid := digits8(word(b), 8)
		low, invalid2 := digits8(word(b[8:]), n-8)
		return number8(high)*powers[n-8] + number8(low), invalid|invalid2 == 0
	}
	return uintSlow(b[:n])
}

// fixedTime reads a time in the form in which Tstat writes short times: one to eight
// digits without leading zeros, a point, six digits. It returns the offset of the point
// and the number after the point. ok is false for every other form. block must have
// Padding bytes of capacity past to.
func fixedTime(block []byte, from, to int) (point int, micro uint64, ok bool) {
	const fraction = len(".000000")
	n := to - fraction - from
	if uint(n-1) >= 8 {
		return 0, 0, false
	}
	first, last := word(block[from:from+8]), word(block[to-8:to]) // last: a digit, the point, six digits
	_, invalid := digits8(first, n)
	values := (last ^ zeros) &^ 0xffff // without the first digit and the point
	invalid |= nondigits(values) | (last>>8&0xff ^ '.') | leadingZero(first, n)
	return to - fraction, number8(values), invalid == 0
}

func uintSlow(field []byte) (value uint64, ok bool) {
	for _, c := range field {
		d := uint64(c - '0')
		if d > 9 || value > (1<<64-1-d)/10 {
			return 0, false
		}
		value = value*10 + d
	}
	return value, true
}

// address is the set of bytes that an IP address may contain.
var address = func() (set [256]bool) {
	for _, c := range "0123456789abcdefABCDEF:." {
		set[c] = true
	}
	return set
}()

// maxAddress is the length of the longest textual IPv6 address.
const maxAddress = 45

// isAddress reports whether field has 1 to 45 bytes, all of which an IP address may
// contain.
func isAddress(field []byte) bool {
	for _, c := range field {
		if !address[c] {
			return false
		}
	}
	return len(field) > 0 && len(field) <= maxAddress
}

// copyUint copies the decimal digits block[from:to] to dst without leading zeros and
// returns the number of digits. It returns 0 if the field is not a number of at most
// 64 bits. dst must have 24 bytes, and any of them may be overwritten. block must have
// Padding bytes of capacity past to.
func copyUint(dst, block []byte, from, to int) int {
	n := to - from
	if n <= 0 {
		return 0
	}
	b := block[from : to+16]
	if n > 16 {
		return copyUintSlow(dst, b[:n])
	}
	first := word(b)
	_, invalid := digits8(first, min(n, 8))
	if n > 8 {
		_, low := digits8(word(b[8:]), n-8)
		invalid |= low
	}
	if invalid|leadingZero(first, n) != 0 {
		return copyUintSlow(dst, b[:n])
	}
	*(*[16]byte)(dst) = [16]byte(b)
	return n
}

func copyUintSlow(dst, field []byte) int {
	if _, ok := uintSlow(field); !ok {
		return 0
	}
	for len(field) > 1 && field[0] == '0' {
		field = field[1:]
	}
	return copy(dst, field)
}
