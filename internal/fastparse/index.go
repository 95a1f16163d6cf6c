package fastparse

import (
	"bytes"
	"encoding/binary"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// indexPortable is index without assembly. It finds the few newlines with package
// bytes, and the many spaces eight bytes at a time.
func indexPortable(block []byte, newline, space []uint64) {
	clear(newline)
	for at := 0; ; at++ {
		i := bytes.IndexByte(block[at:], '\n')
		if i < 0 {
			break
		}
		at += i
		newline[at/64] |= 1 << (at % 64)
	}
	for w := range space {
		b := (*[64]byte)(block[w*64:])
		space[w] = spaces(b[0:8]) | spaces(b[8:16])<<8 | spaces(b[16:24])<<16 | spaces(b[24:32])<<24 |
			spaces(b[32:40])<<32 | spaces(b[40:48])<<40 | spaces(b[48:56])<<48 | spaces(b[56:64])<<56
	}
}

// spaces returns a byte whose bit i is set if b[i] is a space, for the first eight
// bytes of b. A byte of x is 0 for a space. The addition sets the highest bit of each
// byte whose lower bits are not 0 (H. S. Warren, "Hacker's Delight", 6-1). The
// multiplication gathers the eight highest bits.
func spaces(b []byte) uint64 {
	x := binary.LittleEndian.Uint64(b) ^ ones*' '
	zero := ^((x&^highs + ^uint64(highs)) | x) & highs // in the highest bit of each byte
	return zero * 0x0002040810204081 >> 56
}
