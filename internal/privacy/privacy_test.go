package privacy

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// referenceKey is the key of the sample trace that came with the authors'
// implementation of Crypto-PAn.
var referenceKey = []byte{
	21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
	216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
}

// mapped returns the text that stands for an address; ok is false for none.
func mapped(m *Mapper, address string) (text string, ok bool) {
	out := make([]byte, MaxText)
	n := m.Map(out, []byte(address))
	return string(out[:n]), n > 0
}

func TestCryptoPAnReference(t *testing.T) {
	m := (&Policy{Mode: CryptoPAn, Key: referenceKey}).NewMapper()
	for address, want := range map[string]string{
		"128.11.68.132":   "135.242.180.132",
		"129.118.74.4":    "134.136.186.123",
		"130.132.252.244": "133.68.164.234",
		"141.223.7.43":    "141.167.8.160",
		"141.233.145.108": "141.129.237.235",
		"152.163.225.39":  "151.140.114.167",
		"156.29.3.236":    "147.225.12.42",
		"165.247.96.84":   "162.9.99.234",
		"166.107.77.190":  "160.132.178.185",
		"192.102.249.13":  "252.138.62.131",
		"192.215.32.125":  "252.43.47.189",
		"192.233.80.103":  "252.25.108.8",
		"192.41.57.43":    "252.222.221.184",
		"::1":             "78ff:f001:9fc0:20df:8380:b1f1:704:ed",
		"::2":             "78ff:f001:9fc0:20df:8380:b1f1:704:ef",
		"2001:db8::1":     "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e",
	} {
		if got, ok := mapped(m, address); !ok || got != want {
			t.Errorf("%s becomes %s, want %s", address, got, want)
		}
	}
}

// TestCryptoPAnKeepsPrefixes: pseudonyms have as many first bits in common as the
// addresses.
func TestCryptoPAnKeepsPrefixes(t *testing.T) {
	p := &Policy{Mode: CryptoPAn, Key: referenceKey}
	m := p.NewMapper()
	for _, base := range []string{"192.0.2.77", "2001:db8:1:2:3:4:5:6"} {
		a := netip.MustParseAddr(base)
		mine := pseudonym(t, m, a)
		for bit := range a.BitLen() {
			other := a.AsSlice()
			other[bit/8] ^= 0x80 >> (bit % 8)
			b, _ := netip.AddrFromSlice(other)
			if got := commonBits(mine, pseudonym(t, m, b)); got != bit {
				t.Errorf("%s and %s have %d bits in common, their pseudonyms %d", a, b, bit, got)
			}
		}
	}
}

func pseudonym(t *testing.T, m *Mapper, a netip.Addr) netip.Addr {
	t.Helper()
	text, ok := mapped(m, a.String())
	if !ok {
		t.Fatalf("%s is no address", a)
	}
	return netip.MustParseAddr(text)
}

func commonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return 8*i + bits.LeadingZeros8(d)
		}
	}
	return 8 * len(x)
}

func TestMap(t *testing.T) {
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	truncate := Policy{Mode: Truncate, IPv4: 24, IPv6: 48}
	only, except := truncate, truncate
	only.Networks = prefixes("10.0.0.0/8", "fd00::/8")
	except.Except = prefixes("10.0.0.0/8", "fd00::/8")
	for _, c := range []struct {
		policy        Policy
		address, want string
	}{
		{truncate, "192.0.2.77", "192.0.2.0"},
		{truncate, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
		{truncate, "::ffff:192.0.2.77", "::ffff:192.0.2.0"},
		{Policy{Mode: Truncate}, "192.0.2.77", "0.0.0.0"},
		{Policy{Mode: Truncate, IPv4: 32, IPv6: 128}, "2001:db8::1", "2001:db8::1"},
		{only, "10.1.2.3", "10.1.2.0"},
		{only, "::ffff:10.1.2.3", "::ffff:10.1.2.0"},
		{only, "192.0.2.77", "192.0.2.77"},
		{only, "fd12:3456:789a:1::1", "fd12:3456:789a::"},
		{except, "10.1.2.3", "10.1.2.3"},
		{except, "192.0.2.77", "192.0.2.0"},
		{except, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
	} {
		m := c.policy.NewMapper()
		for range 2 { // computed, then remembered
			if got, ok := mapped(m, c.address); !ok || got != c.want {
				t.Errorf("%s: %s becomes %s, want %s", &c.policy, c.address, got, c.want)
			}
		}
	}
	for _, text := range []string{"", "192.0.2", "host.example", "1.2.3.4.5", "fe80::1%eth0", "12345"} {
		if got, ok := mapped(truncate.NewMapper(), text); ok {
			t.Errorf("%q is taken for an address and becomes %s", text, got)
		}
	}
}

// TestCryptoPAnRemembers: what is remembered of other addresses makes no
// difference, and the tables' empty entries are taken for no address.
func TestCryptoPAnRemembers(t *testing.T) {
	p := &Policy{Mode: CryptoPAn, Key: referenceKey}
	m, random := p.NewMapper(), rand.New(rand.NewPCG(1, 2))
	slow := newFlipper(referenceKey)
	check := func(address []byte) {
		t.Helper()
		a, _ := netip.AddrFromSlice(address)
		want := slices.Clone(address)
		for at := 0; at < len(want); at += 4 {
			flips := uint32(slow.flips(address, 8*at, 8*at+32))
			binary.BigEndian.PutUint32(want[at:], binary.BigEndian.Uint32(want[at:])^flips)
		}
		if b, _ := netip.AddrFromSlice(want); pseudonym(t, m, a) != b {
			t.Fatalf("%s becomes %s, want %s", a, pseudonym(t, m, a), b)
		}
	}
	for range 3 {
		check(make([]byte, 4))
		check(make([]byte, 16))
		for range 3000 {
			address := make([]byte, 16)
			binary.BigEndian.PutUint64(address, random.Uint64()&0xf00f_0000_0000_000f)
			binary.BigEndian.PutUint64(address[8:], random.Uint64()|1<<63)
			check(address)
			check(address[:4])
			check(address[12:])
		}
	}
}

// FuzzParseIPv4: a text is an IPv4 address if and only if netip says so.
func FuzzParseIPv4(f *testing.F) {
	for _, text := range []string{"192.0.2.1", "255.255.255.255", "0.0.0.0", "01.2.3.4", "1.2.3", "1.2.3.4.", "1..2.3", "256.1.1.1", "", "1.2.3.04"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		a, ok := parseIPv4([]byte(text))
		if ok != (err == nil && want.Is4()) {
			t.Fatalf("%q: %v, netip says %v", text, ok, err)
		}
		if out := make([]byte, MaxText); ok && string(out[:putIPv4(out, a)]) != want.String() {
			t.Fatalf("%q becomes %x", text, a)
		}
	})
}

func TestPolicyName(t *testing.T) {
	var none *Policy
	for _, p := range []*Policy{none, {Mode: None}} {
		if p.On() || p.String() != "" {
			t.Errorf("%q is on", p)
		}
	}
	one := Policy{Mode: CryptoPAn, Key: referenceKey}
	other := Policy{Mode: CryptoPAn, Key: slices.Concat(referenceKey[1:], referenceKey[:1])}
	if one.String() == other.String() || strings.Contains(one.String(), fmt.Sprintf("%x", referenceKey)) {
		t.Errorf("names %q and %q", &one, &other)
	}
	cut := Policy{Mode: Truncate, IPv4: 24, IPv6: 48, Except: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	if got, want := cut.String(), "truncate /24 /48 except 10.0.0.0/8"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPolicyCheck(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for what, p := range map[string]Policy{
		"both lists":    {Mode: Truncate, Networks: some, Except: some},
		"IPv4 too long": {Mode: Truncate, IPv4: 33},
		"IPv6 negative": {Mode: Truncate, IPv6: -1},
		"no key":        {Mode: CryptoPAn},
		"a short key":   {Mode: CryptoPAn, Key: referenceKey[:31]},
	} {
		if p.Check() == nil {
			t.Errorf("%s: no error", what)
		}
	}
	for what, p := range map[string]Policy{
		"none": {Mode: None}, "truncate": {Mode: Truncate, IPv4: 24, IPv6: 48, Networks: some}, "cryptopan": {Mode: CryptoPAn, Key: referenceKey},
	} {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
