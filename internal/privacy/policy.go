// Package privacy replaces IP addresses before they leave the sensor: by their network,
// or by pseudonyms (Crypto-PAn). The pseudonyms of two addresses share as long a prefix
// as the addresses do.
package privacy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Mode is a way to replace addresses.
type Mode string

const (
	None      Mode = "none"
	Truncate  Mode = "truncate"  // all bits after the prefix become 0
	CryptoPAn Mode = "cryptopan" // pseudonyms with as long a common prefix as the addresses
)

// KeySize is the length in bytes of a key for Crypto-PAn.
const KeySize = 32

// Policy says which addresses are replaced, and how. A nil Policy replaces none.
type Policy struct {
	Mode Mode
	// IPv4 and IPv6 are the lengths in bits of the prefixes that Truncate keeps.
	IPv4, IPv6 int
	// Networks are the networks whose addresses are replaced. If there are none, all
	// addresses outside of Except are replaced.
	Networks []netip.Prefix
	// Except are networks whose addresses are not replaced.
	Except []netip.Prefix
	// Key is the key for Crypto-PAn, of KeySize bytes.
	Key []byte
}

// Check returns an error if the policy is invalid.
func (p *Policy) Check() error {
	switch {
	case len(p.Networks) > 0 && len(p.Except) > 0:
		return errors.New("give networks or except, not both")
	case p.IPv4 < 0 || p.IPv4 > 32:
		return errors.New("the prefix of IPv4 is 0 to 32 bits long")
	case p.IPv6 < 0 || p.IPv6 > 128:
		return errors.New("the prefix of IPv6 is 0 to 128 bits long")
	case slices.ContainsFunc(slices.Concat(p.Networks, p.Except), func(n netip.Prefix) bool { return n.Addr().Is4In6() }):
		return errors.New("write networks of IPv4 addresses as 192.0.2.0/24, not in IPv6 form") // they would match no address
	case p.Mode == CryptoPAn && len(p.Key) != KeySize:
		return fmt.Errorf("a key for Crypto-PAn has %d bytes, not %d", KeySize, len(p.Key))
	}
	return nil
}

// On reports whether any address is replaced.
func (p *Policy) On() bool { return p != nil && p.Mode != None }

// String returns the name of the policy, for people and state files. Two policies with
// the same name replace the same addresses in the same way. The name contains the start
// of a hash of the key, not the key. It is empty if no address is replaced.
func (p *Policy) String() string {
	if !p.On() {
		return ""
	}
	var b strings.Builder
	b.WriteString(string(p.Mode))
	switch p.Mode {
	case Truncate:
		fmt.Fprintf(&b, " /%d /%d", p.IPv4, p.IPv6)
	case CryptoPAn:
		sum := sha256.Sum256(p.Key)
		fmt.Fprintf(&b, " key %x", sum[:4])
	}
	for _, list := range []struct {
		name     string
		prefixes []netip.Prefix
	}{{"networks", p.Networks}, {"except", p.Except}} {
		for i, prefix := range list.prefixes {
			if i == 0 {
				b.WriteString(" " + list.name)
			}
			b.WriteString(" " + prefix.String())
		}
	}
	return b.String()
}

// replaces reports whether an address is replaced.
func (p *Policy) replaces(a netip.Addr) bool {
	contains := func(n netip.Prefix) bool { return n.Contains(a) }
	if len(p.Networks) > 0 {
		return slices.ContainsFunc(p.Networks, contains)
	}
	return !slices.ContainsFunc(p.Except, contains)
}
