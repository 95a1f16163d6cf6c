package privacy

import (
	"fmt"
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

// mapped returns the replacement of an address; ok is false if the text is no address.
func mapped(m *Mapper, address string) (text string, ok bool) {
	out := make([]byte, MaxText)
	n := m.Map(out, []byte(address))
	return string(out[:n]), n > 0
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
		if got, ok := mapped(c.policy.NewMapper(), c.address); !ok || got != c.want {
			t.Errorf("%s: %s becomes %s, want %s", &c.policy, c.address, got, c.want)
		}
	}
	for _, text := range []string{"", "192.0.2", "host.example", "1.2.3.4.5", "fe80::1%eth0", "12345"} {
		if got, ok := mapped(truncate.NewMapper(), text); ok {
			t.Errorf("%q counts as an address and becomes %s", text, got)
		}
	}
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
		"IPv6 form":     {Mode: Truncate, Networks: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}},
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
