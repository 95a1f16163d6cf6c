package privacy

import (
	"encoding/binary"
	"net/netip"
)

// MaxText is the length in bytes of the longest textual address.
const MaxText = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// Mapper replaces addresses in textual form. It serves one goroutine.
type Mapper struct {
	policy *Policy
	pan    *cryptoPAn // nil unless the mode is CryptoPAn
	mask   uint32     // of IPv4, for Truncate
}

// NewMapper returns a Mapper for one goroutine. The policy must have been checked.
func (p *Policy) NewMapper() *Mapper {
	m := &Mapper{policy: p, mask: ^uint32(0) << (32 - p.IPv4)}
	if p.Mode == CryptoPAn {
		m.pan = newCryptoPAn(p.Key)
	}
	return m
}

// Map writes the replacement of the address text to out, which must have room for
// MaxText bytes. It returns the length of the replacement, or 0 if text is no address.
func (m *Mapper) Map(out, text []byte) int {
	if a, ok := parseIPv4(text); ok {
		return putIPv4(out, m.ipv4(a))
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil || a.Zone() != "" {
		return 0
	}
	switch {
	case a.Is4In6(): // ::ffff:192.0.2.1 is an IPv4 address
		bytes := a.As16()
		v4 := m.ipv4(binary.BigEndian.Uint32(bytes[12:]))
		binary.BigEndian.PutUint32(bytes[12:], v4)
		a = netip.AddrFrom16(bytes)
	case !m.policy.applies(a):
	case m.pan != nil:
		a = netip.AddrFrom16(m.pan.ipv6(a.As16()))
	default:
		a = netip.PrefixFrom(a, m.policy.IPv6).Masked().Addr()
	}
	return len(a.AppendTo(out[:0]))
}

// ipv4 returns the replacement of an IPv4 address.
func (m *Mapper) ipv4(a uint32) uint32 {
	if m.policy.lists() {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], a)
		if !m.policy.applies(netip.AddrFrom4(bytes)) {
			return a
		}
	}
	if m.pan != nil {
		return m.pan.ipv4(a)
	}
	return a & m.mask
}

// parseIPv4 parses four numbers up to 255 with points between them. It accepts what
// netip.ParseAddr accepts, but takes a third of the time and does not allocate.
func parseIPv4(text []byte) (a uint32, ok bool) {
	var number uint32
	digits, points := 0, 0
	for _, c := range text {
		switch {
		case c-'0' <= 9:
			if digits > 0 && number == 0 { // a leading zero
				return 0, false
			}
			number = 10*number + uint32(c-'0')
			digits++
			if number > 255 {
				return 0, false
			}
		case c == '.' && digits > 0 && points < 3:
			a = a<<8 | number
			number, digits = 0, 0
			points++
		default:
			return 0, false
		}
	}
	return a<<8 | number, points == 3 && digits > 0
}

// decimals holds the text of each number from 0 to 255, with its length in the last byte.
var decimals = func() (table [256][4]byte) {
	for i := range table {
		text := table[i][:0]
		if i >= 100 {
			text = append(text, byte('0'+i/100))
		}
		if i >= 10 {
			text = append(text, byte('0'+i/10%10))
		}
		text = append(text, byte('0'+i%10))
		table[i][3] = byte(len(text))
	}
	return table
}()

// putIPv4 writes an address to out and returns the length of its text.
func putIPv4(out []byte, a uint32) int {
	n := 0
	for shift := 24; ; shift -= 8 {
		d := &decimals[byte(a>>shift)]
		copy(out[n:n+3], d[:3])
		n += int(d[3])
		if shift == 0 {
			return n
		}
		out[n] = '.'
		n++
	}
}
