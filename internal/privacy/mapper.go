package privacy

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// MaxText is the length in bytes of the longest textual address.
const MaxText = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// Mapper replaces addresses in textual form. It serves one goroutine.
type Mapper struct {
	policy  *Policy
	selects bool       // only some addresses are replaced
	pan     *cryptoPAn // nil unless the mode is CryptoPAn
	mask4   uint32     // the bits of an IPv4 address that Truncate keeps
	mask6   ipv6       // the bits of an IPv6 address that Truncate keeps
}

// NewMapper returns a Mapper for one goroutine. The policy must have been checked.
func (p *Policy) NewMapper() *Mapper {
	m := &Mapper{policy: p, selects: len(p.Networks)+len(p.Except) > 0, mask4: math.MaxUint32 << (32 - p.IPv4)}
	m.mask6 = ipv6{math.MaxUint64, math.MaxUint64}.shifted(128 - p.IPv6)
	if p.Mode == CryptoPAn {
		m.pan = newCryptoPAn(p.Key)
	}
	return m
}

// Map writes the replacement of the address text to out, which must have room for
// MaxText bytes; it may overwrite all of that room. It returns the length of the
// replacement, or 0 if text is no address.
func (m *Mapper) Map(out, text []byte) int {
	if a, ok := parseIPv4(text); ok {
		return putIPv4(out, m.ipv4(a))
	}
	a, ok := parseIPv6(text)
	if !ok {
		return 0
	}
	return putIPv6(out, m.ipv6(a))
}

// ipv4 returns the replacement of an IPv4 address.
func (m *Mapper) ipv4(a uint32) uint32 {
	if m.selects {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], a)
		if !m.policy.replaces(netip.AddrFrom4(bytes)) {
			return a
		}
	}
	if m.pan != nil {
		return m.pan.ipv4(a)
	}
	return a & m.mask4
}

// ipv6 returns the replacement of an IPv6 address.
func (m *Mapper) ipv6(a ipv6) ipv6 {
	if a.is4In6() {
		return ipv6{0, a.low&^math.MaxUint32 | uint64(m.ipv4(uint32(a.low)))}
	}
	if m.selects {
		var bytes [16]byte
		binary.BigEndian.PutUint64(bytes[:], a.high)
		binary.BigEndian.PutUint64(bytes[8:], a.low)
		if !m.policy.replaces(netip.AddrFrom16(bytes)) {
			return a
		}
	}
	if m.pan != nil {
		return m.pan.ipv6(a)
	}
	return ipv6{a.high & m.mask6.high, a.low & m.mask6.low}
}
