package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
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
// are cached, and so are whole addresses: 0.5 MB in all.
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
	ipv6Pair   struct{ address, pseudonym ipv6 }
)

// flipper computes flips, 16 at a time. A processor with instructions for AES encrypts
// several blocks in hardly more time than one, so the assembly encrypts them together.
type flipper struct {
	keys    roundKeys    // for the assembly
	block   cipher.Block // for processors without AES-NI
	padding ipv6
	blocks  [16][aes.BlockSize]byte // not on the stack, since block is an interface
}

// roundKeys are the keys of the steps of an encryption with AES-128.
type roundKeys [11][16]byte

func newFlipper(key []byte) *flipper {
	block, err := aes.NewCipher(key[:KeySize/2])
	if err != nil {
		panic("BUG: Policy.Check was not called: " + err.Error())
	}
	f := &flipper{block: block}
	if useAESNI {
		expandAESNI(&f.keys, (*[16]byte)(key))
	}
	var padding [aes.BlockSize]byte
	block.Encrypt(padding[:], key[KeySize/2:])
	f.padding = ipv6{binary.BigEndian.Uint64(padding[:]), binary.BigEndian.Uint64(padding[8:])}
	return f
}

// flips returns the flips of 16 bits of an address, from the bit from on, which is a
// multiple of 16. The last flip is in the lowest bit. The bits of the address after those
// make no difference.
func (f *flipper) flips(a ipv6, from int) (flips uint64) {
	for i := range f.blocks {
		// The first from+i bits of the address, the others of the padding.
		rest := uint64(math.MaxUint64) >> (from%64 + i)
		block := ipv6{a.high&^rest | f.padding.high&rest, f.padding.low}
		if from >= 64 {
			block = ipv6{a.high, a.low&^rest | f.padding.low&rest}
		}
		binary.BigEndian.PutUint64(f.blocks[i][:], block.high)
		binary.BigEndian.PutUint64(f.blocks[i][8:], block.low)
	}
	if useAESNI {
		return uint64(firstBitsAESNI(&f.keys, &f.blocks))
	}
	for i := range f.blocks {
		block := f.blocks[i][:]
		f.block.Encrypt(block, block)
		flips = flips<<1 | uint64(block[0]>>7)
	}
	return flips
}

func newCryptoPAn(key []byte) *cryptoPAn {
	c := &cryptoPAn{flipper: *newFlipper(key)}
	// A zero entry of a table stands for the zero address, so it gets that pseudonym.
	c.known4[0].pseudonym = c.flips4(0)
	c.prefix6[0].flips = c.highFlips(0)
	c.known6[0].pseudonym = ipv6{c.highFlips(0), c.lowFlips(ipv6{})}
	return c
}

// known marks an entry of cryptoPAn.first that has been computed.
const known = 1 << 16

// firstFlips returns the flips of the first 16 bits of an address.
func (c *cryptoPAn) firstFlips(a ipv6) uint64 {
	first := &c.first[a.high>>48]
	if *first == 0 {
		*first = known | uint32(c.flips(a, 0))
	}
	return uint64(*first &^ known)
}

// flips4 returns the flips of an IPv4 address.
func (c *cryptoPAn) flips4(address uint32) uint32 {
	a := ipv6{high: uint64(address) << 32}
	return uint32(c.firstFlips(a)<<16 | c.flips(a, 16))
}

// highFlips returns the flips of the first 64 bits of an IPv6 address.
func (c *cryptoPAn) highFlips(high uint64) uint64 {
	a := ipv6{high: high}
	return c.firstFlips(a)<<48 | c.flips(a, 16)<<32 | c.flips(a, 32)<<16 | c.flips(a, 48)
}

// lowFlips returns the flips of the last 64 bits of an IPv6 address.
func (c *cryptoPAn) lowFlips(a ipv6) uint64 {
	return c.flips(a, 64)<<48 | c.flips(a, 80)<<32 | c.flips(a, 96)<<16 | c.flips(a, 112)
}

// spread returns a number below 2^bits that depends on all bits of n (D. Knuth,
// The Art of Computer Programming, volume 3, section 6.4: multiplicative hashing).
// Zero stays zero.
func spread(n uint64, bits int) uint64 { return n * 0x9e3779b97f4a7c15 >> (64 - bits) }

// ipv4 returns the pseudonym of an IPv4 address.
func (c *cryptoPAn) ipv4(a uint32) uint32 {
	pair := &c.known4[spread(uint64(a), 14)]
	if pair.address != a {
		*pair = ipv4Pair{a, a ^ c.flips4(a)}
	}
	return pair.pseudonym
}

// ipv6 returns the pseudonym of an IPv6 address.
func (c *cryptoPAn) ipv6(a ipv6) ipv6 {
	pair := &c.known6[spread(a.high^a.low, 11)]
	if pair.address != a {
		prefix := &c.prefix6[spread(a.high, 10)]
		if prefix.prefix != a.high {
			*prefix = ipv6Prefix{a.high, c.highFlips(a.high)}
		}
		*pair = ipv6Pair{a, ipv6{a.high ^ prefix.flips, a.low ^ c.lowFlips(a)}}
	}
	return pair.pseudonym
}
