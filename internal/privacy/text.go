package privacy

import (
	"encoding/binary"
	"math/bits"
)

// The functions of this file parse and write addresses as package net/netip does. They
// take a fraction of its time and do not allocate: two addresses are parsed and written
// for each row.

// ipv6 is an IPv6 address: the first and the last 64 bits.
type ipv6 struct{ high, low uint64 }

// is4In6 reports whether the address is an IPv4 address in IPv6 form (::ffff:192.0.2.1).
func (a ipv6) is4In6() bool { return a.high == 0 && a.low>>32 == 0xffff }

// group returns group i of 16 bits, 0 to 7.
func (a ipv6) group(i int) uint16 {
	half := a.high
	if i >= 4 {
		half = a.low
	}
	return uint16(half >> (48 - i%4*16))
}

// every returns a word of eight bytes b.
func every(b byte) uint64 { return uint64(b) * 0x0101010101010101 }

// highBits gathers the highest bits of the eight bytes of w; bit 0 of the result is that
// of the lowest byte. The multiplication adds up shifted copies of w. The shifts bring each
// of the bits to its place in the highest byte.
func highBits(w uint64) uint64 { return (w & every(0x80)) >> 7 * 0x0102040810204080 >> 56 }

// notDigits returns a bit for each of the eight bytes of w that is no digit. A byte of d
// is 0 to 9 for a digit. Adding 0x80-10 to its low seven bits sets the highest bit if they
// are 10 or more.
func notDigits(w uint64) uint64 {
	d := w ^ every('0')
	return highBits((d&every(0x7f) + every(0x80-10)) | d)
}

const (
	shortestIPv4 = len("0.0.0.0")
	longestIPv4  = len("255.255.255.255")
)

// parseIPv4 parses four numbers up to 255 with points between them. It takes the same
// branches for all valid texts with room behind them. A loop over the bytes would mispredict
// a branch for most numbers, since their lengths vary.
func parseIPv4(text []byte) (a uint32, ok bool) {
	if len(text) < shortestIPv4 || len(text) > longestIPv4 {
		return 0, false
	}
	// The 16 bytes that begin with the text.
	var copied [16]byte
	word := &copied
	if cap(text) >= len(copied) { // true for most fields: other fields follow
		word = (*[16]byte)(text[:len(copied)])
	} else {
		copy(copied[:], text)
	}
	low, high := binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(word[8:])
	points := (notDigits(low) | notDigits(high)<<8) & (1<<len(text) - 1)
	first := bits.TrailingZeros64(points)
	points &= points - 1
	second := bits.TrailingZeros64(points)
	points &= points - 1
	third := bits.TrailingZeros64(points)
	// Fewer or more than three bytes that are no digits, or one that is no point. The masks
	// spare bounds checks.
	if points == 0 || points&(points-1) != 0 || word[first&15] != '.' || word[second&15] != '.' || word[third&15] != '.' {
		return 0, false
	}
	n1, bad1 := number(word, 0, first)
	n2, bad2 := number(word, first+1, second)
	n3, bad3 := number(word, second+1, third)
	n4, bad4 := number(word, third+1, len(text))
	return n1<<24 | n2<<16 | n3<<8 | n4, bad1|bad2|bad3|bad4 >= 0
}

// number parses the digits text[from:to]. bad is negative unless they are one to three,
// without a leading zero, and 255 at most.
func number(text *[16]byte, from, to int) (n uint32, bad int32) {
	length := to - from
	if length < 1 || length > 3 || from > len(text)-4 { // the numbers before this one are too long
		return 0, -1
	}
	// The values of the digits, a byte each, the units in the highest of four bytes.
	// Missing digits are zero.
	digits := binary.LittleEndian.Uint32(text[from&15:]) << (32 - 8*length&31) & 0x0f0f0f00
	// One multiplication adds up hundreds, tens and units in the third byte. The sum
	// of tens and hundreds in the second byte is below 100, so nothing is carried.
	n = digits >> 8 * (100<<16 | 10<<8 | 1) >> 16 & 0xff
	// With the hundreds highest, the digits compare as the numbers do. A difference is
	// negative if the number is above 255 or has a leading zero.
	const most = 0x020505 // 255
	ordered := int32(bits.ReverseBytes32(digits))
	return n, (most - ordered) | (ordered - least[length])
}

// least holds the digits of the least number of a length without leading zeros.
var least = [4]int32{0, 0, 0x000100, 0x010000}

// octets holds the text of each number from 0 to 255 followed by a point, with the first
// byte lowest. octetLengths holds the lengths of these texts.
var octets, octetLengths = func() (texts [256]uint32, lengths [256]uint8) {
	for i := range texts {
		var text []byte
		if i >= 100 {
			text = append(text, byte('0'+i/100))
		}
		if i >= 10 {
			text = append(text, byte('0'+i/10%10))
		}
		text = append(text, byte('0'+i%10), '.')
		lengths[i] = uint8(len(text))
		texts[i] = binary.LittleEndian.Uint32(append(text, 0, 0, 0))
	}
	return texts, lengths
}()

// putIPv4 writes an address to out and returns the length of its text. It may overwrite
// the first 16 bytes of out.
func putIPv4(out []byte, a uint32) int {
	o := (*[16]byte)(out)
	n := 0
	for shift := 24; shift >= 0; shift -= 8 {
		octet := byte(a >> shift)
		binary.LittleEndian.PutUint32(o[n&15:], octets[octet])
		n += int(octetLengths[octet])
	}
	return n - 1 // without the last point
}

// hexDigit is the value of a hex digit, 0xff for any other byte.
var hexDigit = func() (table [256]uint8) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range 16 {
		table["0123456789abcdef"[i]], table["0123456789ABCDEF"[i]] = uint8(i), uint8(i)
	}
	return table
}()

// parseIPv6 parses groups of up to four hex digits with colons between them, see RFC
// 4291, section 2.2: two colons stand for one or more groups of zeros, and the last two
// groups may be written as an IPv4 address.
func parseIPv6(text []byte) (a ipv6, ok bool) {
	if len(text) < 2 || len(text) > MaxText {
		return ipv6{}, false
	}
	n, gap := 0, -1 // groups so far, and groups before the two colons; -1 without two colons
	var before ipv6 // the groups before the two colons
	add := func(group uint64) {
		a.high, a.low = a.high<<16|a.low>>48, a.low<<16|group
		n++
	}
	i := 0
	if text[0] == ':' && text[1] == ':' {
		gap, i = 0, 2
	}
	for i < len(text) {
		if n == 8 {
			return ipv6{}, false
		}
		start, group := i, uint64(0)
		for ; i < len(text) && hexDigit[text[i]] < 16; i++ {
			group = group<<4 | uint64(hexDigit[text[i]])
		}
		if i < len(text) && text[i] == '.' {
			last, ok := parseIPv4(text[start:])
			if !ok {
				return ipv6{}, false
			}
			add(uint64(last >> 16))
			add(uint64(last & 0xffff))
			break
		}
		if i == start || i > start+4 {
			return ipv6{}, false
		}
		add(group)
		if i == len(text) {
			break
		}
		if text[i] != ':' || i+1 == len(text) {
			return ipv6{}, false
		}
		i++
		if text[i] == ':' {
			if gap >= 0 {
				return ipv6{}, false
			}
			gap, before, a = n, a, ipv6{}
			i++
		}
	}
	if gap < 0 {
		return a, n == 8
	}
	// Move the groups before the gap to the front.
	b := before.shifted(16 * (8 - gap))
	return ipv6{a.high | b.high, a.low | b.low}, n < 8
}

// shifted returns the address shifted left by up to 128 bits.
func (a ipv6) shifted(by int) ipv6 {
	if by >= 64 {
		return ipv6{a.low << (by - 64), 0}
	}
	return ipv6{a.high<<by | a.low>>(64-by), a.low << by}
}

// hexPairs holds two hex digits for each byte, the first one lowest.
var hexPairs = func() (table [256]uint16) {
	const digits = "0123456789abcdef"
	for i := range table {
		table[i] = uint16(digits[i>>4]) | uint16(digits[i&15])<<8
	}
	return table
}()

// longestRuns holds, for each set of groups that are zero (bit i for group i), the groups that
// two colons stand for: from <= i < to.
var longestRuns = func() (table [256]struct{ from, to int }) {
	for set := range table {
		longest := &table[set]
		longest.from, longest.to = 8, 9 // no group, and a length of 1
		for from := range 8 {
			to := from
			for to < 8 && set>>to&1 == 1 {
				to++
			}
			if to-from > longest.to-longest.from {
				longest.from, longest.to = from, to
			}
		}
	}
	return table
}()

// putIPv6 writes an address to out, which has room for MaxText bytes, and returns the
// length of its text. The form is that of RFC 5952: two colons stand for the first of
// the longest runs of two or more groups of zeros.
func putIPv6(out []byte, a ipv6) int {
	if a.is4In6() {
		n := copy(out, "::ffff:")
		return n + putIPv4(out[n:], uint32(a.low))
	}
	var zero uint8 // bit i stands for group i
	for i := range 8 {
		zero |= uint8((uint32(a.group(i))-1)>>31) << i
	}
	colons := longestRuns[zero]
	out = out[:MaxText]
	n := 0
	for i := 0; i < 8; i++ {
		if i == colons.from {
			out[n], out[n+1] = ':', ':'
			n += 2
			if i = colons.to; i == 8 {
				break
			}
		} else if i > 0 {
			out[n] = ':'
			n++
		}
		group := a.group(i)
		digits := uint32(hexPairs[group>>8]) | uint32(hexPairs[group&0xff])<<16
		zeros := bits.LeadingZeros16(group|1) / 4
		binary.LittleEndian.PutUint32(out[n:], digits>>(8*zeros))
		n += 4 - zeros
	}
	return n
}
