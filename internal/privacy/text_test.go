package privacy

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// FuzzParse: a text is an address if and only if netip says so and the address has no zone.
// It is written as netip writes it.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"192.0.2.1", "255.255.255.255", "0.0.0.0", "01.2.3.4", "1.2.3", "1.2.3.4.", "1..2.3", "256.1.1.1", "", "1.2.3.04",
		"1.2.3.4.5", ".1.2.3", "1.2.3.4567", "1234.5.6.7", "1.2.3.a", "1.2.3.4\x80", "/.2.3.4", ":.2.3.4", "00.0.0.0", "00.000.00000.0", "1.2.34567.8901", "123456789.1.2.3", "1.2.3.", "1.2.3456789.",
		"::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8", "1:0:0:4:0:0:0:8",
		"0:0:3:4:0:0:7:8", "::ffff:192.0.2.1", "1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5::192.0.2.1", "::1.2.3.4", "ffff:FFFF:abcd:ABCD:0ff:0:00:000",
		":", ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:1.2.3.4", "0:0:0:0:0:0:0:0:0::", "12345::", "::12345", "1:", ":1",
		"::1.2.3", "::1.2.3.4:5", "fe80::1%eth0", "::g", "::ffff:1.2.3.04", "::-1", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		valid := err == nil && want.Zone() == ""
		// Bytes after the text must not change the result.
		for _, field := range [][]byte{[]byte(text)[:len(text):len(text)], append([]byte(text), "0.1:2 34567890123"...)[:len(text)]} {
			out := make([]byte, MaxText)
			if a, ok := parseIPv4(field); ok != (valid && want.Is4()) {
				t.Fatalf("%q is an IPv4 address: %v, netip says %v, %v", text, ok, want, err)
			} else if ok {
				out = out[:putIPv4(out, a)]
			}
			if a, ok := parseIPv6(field); ok != (valid && want.Is6()) {
				t.Fatalf("%q is an IPv6 address: %v, netip says %v, %v", text, ok, want, err)
			} else if ok {
				out = out[:putIPv6(out, a)]
			}
			if valid && string(out) != want.String() {
				t.Fatalf("%q becomes %q, want %q", text, out, want)
			}
		}
	})
}

// FuzzPutIPv6: every address is written as netip writes it, and read back.
func FuzzPutIPv6(f *testing.F) {
	f.Add(uint64(0), uint64(0))
	f.Add(uint64(1)<<48, uint64(0xffff_0000_0000_0001))
	f.Add(uint64(0xffff)<<16, uint64(0))
	f.Fuzz(func(t *testing.T, high, low uint64) {
		a := ipv6{high, low}
		var bytes [16]byte
		binary.BigEndian.PutUint64(bytes[:], high)
		binary.BigEndian.PutUint64(bytes[8:], low)
		out := make([]byte, MaxText)
		out = out[:putIPv6(out, a)]
		if want := netip.AddrFrom16(bytes).String(); string(out) != want {
			t.Fatalf("%x %x is %s, want %s", high, low, out, want)
		}
		if b, ok := parseIPv6(out); !ok || a != b {
			t.Fatalf("%s is read as %x", out, b)
		}
	})
}

// TestIPv4 writes and reads each number at each place.
func TestIPv4(t *testing.T) {
	for octet := range uint32(256) {
		for shift := 0; shift < 32; shift += 8 {
			a := uint32(0x2a09c80b)&^(0xff<<shift) | octet<<shift
			var bytes [4]byte
			binary.BigEndian.PutUint32(bytes[:], a)
			out := make([]byte, MaxText)
			out = out[:putIPv4(out, a)]
			if want := netip.AddrFrom4(bytes).String(); string(out) != want {
				t.Fatalf("%x is %s, want %s", a, out, want)
			}
			if b, ok := parseIPv4(out); !ok || a != b {
				t.Fatalf("%s is read as %x, %v", out, b, ok)
			}
		}
	}
}
