package privacy

import (
	"crypto/aes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestCryptoPAnReference(t *testing.T) { onBothPaths(t, testReference) }

func testReference(t *testing.T) {
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

// TestCryptoPAnKeepsPrefixes: two pseudonyms have as many first bits in common as their
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

// slowCryptoPAn returns the pseudonym of an address of 4 or 16 bytes, bit by bit.
func slowCryptoPAn(key, address []byte) []byte {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err)
	}
	in, out := make([]byte, 16), make([]byte, 16)
	block.Encrypt(in, key[16:]) // the padding
	pseudonym := slices.Clone(address)
	for bit := range 8 * len(address) {
		block.Encrypt(out, in)
		mask := byte(0x80) >> (bit % 8)
		if out[0]&0x80 != 0 {
			pseudonym[bit/8] ^= mask
		}
		in[bit/8] = in[bit/8]&^mask | address[bit/8]&mask
	}
	return pseudonym
}

// onBothPaths runs a test twice: as it is, and with the portable code.
func onBothPaths(t *testing.T, test func(t *testing.T)) {
	t.Run("processor", test)
	if !useAESNI {
		t.Log("this processor or build has no assembly: only the portable code is tested")
		return
	}
	useAESNI = false
	defer func() { useAESNI = true }()
	t.Run("portable", test)
}

// TestCryptoPAnCaches: the caches never change a pseudonym, and an unused entry matches no
// address.
func TestCryptoPAnCaches(t *testing.T) {
	onBothPaths(t, func(t *testing.T) {
		p := &Policy{Mode: CryptoPAn, Key: referenceKey}
		m, random := p.NewMapper(), rand.New(rand.NewPCG(1, 2))
		check := func(address []byte) {
			t.Helper()
			a, _ := netip.AddrFromSlice(address)
			want, _ := netip.AddrFromSlice(slowCryptoPAn(referenceKey, address))
			if got := pseudonym(t, m, a); got != want {
				t.Fatalf("%s becomes %s, want %s", a, got, want)
			}
		}
		for range 3 {
			check(make([]byte, 4))
			check(make([]byte, 16))
			for range 2000 {
				address := make([]byte, 16)
				binary.BigEndian.PutUint64(address, random.Uint64()&0xf00f_0000_0000_000f)
				binary.BigEndian.PutUint64(address[8:], random.Uint64()|1<<63)
				check(address)
				check(address[:4])
				check(address[12:])
			}
		}
	})
}

// FuzzCryptoPAn compares pseudonyms with those of the slow form, for any key.
func FuzzCryptoPAn(f *testing.F) {
	f.Add(referenceKey[:16], referenceKey[16:], uint64(0x2001_0db8_0000_0001), uint64(1))
	f.Add(make([]byte, 16), make([]byte, 16), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, key, pad []byte, high, low uint64) {
		if len(key) != 16 || len(pad) != 16 {
			t.Skip("a key has two halves of 16 bytes")
		}
		m := (&Policy{Mode: CryptoPAn, Key: slices.Concat(key, pad)}).NewMapper()
		var address [16]byte
		binary.BigEndian.PutUint64(address[:], high)
		binary.BigEndian.PutUint64(address[8:], low)
		for _, bytes := range [][]byte{address[:], address[8:12]} {
			a, _ := netip.AddrFromSlice(bytes)
			if a.Is4In6() {
				continue
			}
			want, _ := netip.AddrFromSlice(slowCryptoPAn(m.policy.Key, bytes))
			if got := pseudonym(t, m, a); got != want {
				t.Fatalf("key %x: %s becomes %s, want %s", m.policy.Key, a, got, want)
			}
		}
	})
}
