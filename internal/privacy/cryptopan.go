package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// cryptoPAn gives addresses pseudonyms that keep prefixes: two addresses whose
// first n bits are the same get pseudonyms whose first n bits are the same. The
// scheme is that of J. Xu, J. Fan, M. Ammar and S. Moon, "Prefix-Preserving IP
// Address Anonymization", ICNP 2002, with AES as in their implementation; IPv6
// uses the same scheme on 128 bits.
//
// Each bit is flipped if the first bit of an encryption is set: the encryption of all
// bits before it, filled up with a padding. So the flips of a prefix depend only on the
// prefix. The flips of prefixes of 16 bits (the same for IPv4 and IPv6) and of 64 bits
// are cached, and so are whole addresses.
type cryptoPAn struct {
	flipper
	first   [1 << 16]uint32 // flips of the first 16 bits; 0 if not computed, see known
	known4  [1 << 14]ipv4Pair
	prefix6 [1 << 10]ipv6Prefix
	known6  [1 << 11]ipv6Pair
}

type (
	ipv4Pair   struct{ address, pseudonym uint32 }
	ipv6Prefix struct{ prefix, flips uint64 }
	ipv6Pair   struct{ address, pseudonym [16]byte }
)

// flipper computes single flips.
type flipper struct {
	block   cipher.Block
	padding [aes.BlockSize]byte
	in, out [aes.BlockSize]byte // not on the stack, since block is an interface
}

func newFlipper(key []byte) flipper {
	block, err := aes.NewCipher(key[:KeySize/2])
	if err != nil {
		panic("BUG: Policy.Check was not called: " + err.Error())
	}
	f := flipper{block: block}
	block.Encrypt(f.padding[:], key[KeySize/2:])
	return f
}

// flips returns the flips of the bits of an address from bit from up to, but without,
// bit to: at most 64 bits, the flip of bit to-1 in the lowest bit.
func (f *flipper) flips(address []byte, from, to int) (flips uint64) {
	f.in = f.padding
	for bit := range to {
		if bit >= from {
			f.block.Encrypt(f.out[:], f.in[:])
			flips = flips<<1 | uint64(f.out[0]>>7)
		}
		mask := byte(0x80) >> (bit % 8)
		f.in[bit/8] = f.in[bit/8]&^mask | address[bit/8]&mask
	}
	return flips
}

func newCryptoPAn(key []byte) *cryptoPAn {
	c := &cryptoPAn{flipper: newFlipper(key)}
	// A zero entry of a table stands for the zero address, so it gets that pseudonym.
	zero := make([]byte, 16)
	c.known4[0].pseudonym = uint32(c.flips(zero, 0, 32))
	c.prefix6[0].flips = c.flips(zero, 0, 64)
	binary.BigEndian.PutUint64(c.known6[0].pseudonym[:], c.prefix6[0].flips)
	binary.BigEndian.PutUint64(c.known6[0].pseudonym[8:], c.flips(zero, 64, 128))
	return c
}

// known marks an entry of cryptoPAn.first that has been computed.
const known = 1 << 16

// firstFlips returns the flips of the first 16 bits of an address.
func (c *cryptoPAn) firstFlips(address []byte) uint64 {
	first := &c.first[binary.BigEndian.Uint16(address)]
	if *first == 0 {
		*first = known | uint32(c.flips(address, 0, 16))
	}
	return uint64(*first &^ known)
}

// spread returns a number below 2^bits that depends on all bits of n (D. Knuth,
// The Art of Computer Programming, volume 3, section 6.4: multiplicative hashing).
// Zero stays zero.
func spread(n uint64, bits int) uint64 { return n * 0x9e3779b97f4a7c15 >> (64 - bits) }

// ipv4 returns the pseudonym of an IPv4 address.
func (c *cryptoPAn) ipv4(a uint32) uint32 {
	pair := &c.known4[spread(uint64(a), 14)]
	if pair.address != a {
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], a)
		flips := c.firstFlips(address[:])<<16 | c.flips(address[:], 16, 32)
		*pair = ipv4Pair{a, a ^ uint32(flips)}
	}
	return pair.pseudonym
}

// ipv6 returns the pseudonym of an IPv6 address.
func (c *cryptoPAn) ipv6(a [16]byte) [16]byte {
	high, low := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	pair := &c.known6[spread(high^low, 11)]
	if pair.address != a {
		prefix := &c.prefix6[spread(high, 10)]
		if prefix.prefix != high {
			*prefix = ipv6Prefix{high, c.firstFlips(a[:])<<48 | c.flips(a[:], 16, 64)}
		}
		pair.address = a
		binary.BigEndian.PutUint64(pair.pseudonym[:8], high^prefix.flips)
		binary.BigEndian.PutUint64(pair.pseudonym[8:], low^c.flips(a[:], 64, 128))
	}
	return pair.pseudonym
}
