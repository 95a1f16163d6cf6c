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
// For each bit of an address, the bits before it are filled up with a padding and
// encrypted. If the first bit of the result is set, the bit is flipped. So the flips of a
// prefix depend only on the prefix.
//
// Three kinds of results are cached, in 0.5 MB: the flips of the first 16 bits, which are
// the same for IPv4 and IPv6, the flips of the first 64 bits of IPv6, and the pseudonyms of
// whole addresses.
type cryptoPAn struct {
	flipper
	first16 [1 << 16]uint32              // flips by the 16 bits, plus entryUsed
	cache4  [1 << cache4Bits]ipv4Pair    // by a hash of the address
	first64 [1 << first64Bits]ipv6Prefix // by a hash of the prefix
	cache6  [1 << cache6Bits]ipv6Pair    // by a hash of the address
}

// The numbers of bits that index the caches.
const (
	cache4Bits  = 14
	first64Bits = 10
	cache6Bits  = 11
)

// entryUsed is set in an entry of cryptoPAn.first16 once its flips are known.
const entryUsed = 1 << 16

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
	blocks  [16][aes.BlockSize]byte // a local variable would escape to the heap, since block is an interface
}

// roundKeys are the keys of the steps of an encryption with AES-128.
type roundKeys [11][16]byte

func newFlipper(key []byte) *flipper {
	block, err := aes.NewCipher(key[:KeySize/2])
	if err != nil {
		panic(err) // impossible: half a key is a key of AES-128
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

// flips returns the flips of the 16 bits of an address that begin at bit from, a multiple
// of 16. The last flip is in the lowest bit. The later bits of the address have no
// influence.
func (f *flipper) flips(a ipv6, from int) (flips uint64) {
	for i := range f.blocks {
		// The first from+i bits come from the address, the rest from the padding.
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
	// An unused entry holds the zero address. Only entry 0 is looked up for that address,
	// since its hash is 0, so entry 0 gets the right pseudonym.
	c.cache4[0].pseudonym = c.flips4(0)
	c.first64[0].flips = c.highFlips(0)
	c.cache6[0].pseudonym = ipv6{c.highFlips(0), c.lowFlips(ipv6{})}
	return c
}

// firstFlips returns the flips of the first 16 bits of an address.
func (c *cryptoPAn) firstFlips(a ipv6) uint64 {
	entry := &c.first16[a.high>>48]
	if *entry == 0 {
		*entry = entryUsed | uint32(c.flips(a, 0))
	}
	return uint64(*entry &^ entryUsed)
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

// hash returns a number below 2^bits that depends on all bits of n (D. Knuth,
// The Art of Computer Programming, volume 3, section 6.4: multiplicative hashing).
// The hash of zero is zero.
func hash(n uint64, bits int) uint64 { return n * 0x9e3779b97f4a7c15 >> (64 - bits) }

// ipv4 returns the pseudonym of an IPv4 address.
func (c *cryptoPAn) ipv4(a uint32) uint32 {
	pair := &c.cache4[hash(uint64(a), cache4Bits)]
	if pair.address != a {
		*pair = ipv4Pair{a, a ^ c.flips4(a)}
	}
	return pair.pseudonym
}

// ipv6 returns the pseudonym of an IPv6 address.
func (c *cryptoPAn) ipv6(a ipv6) ipv6 {
	pair := &c.cache6[hash(a.high^a.low, cache6Bits)]
	if pair.address != a {
		prefix := &c.first64[hash(a.high, first64Bits)]
		if prefix.prefix != a.high {
			*prefix = ipv6Prefix{a.high, c.highFlips(a.high)}
		}
		*pair = ipv6Pair{a, ipv6{a.high ^ prefix.flips, a.low ^ c.lowFlips(a)}}
	}
	return pair.pseudonym
}
