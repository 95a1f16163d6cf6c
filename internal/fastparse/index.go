package fastparse

import (
	"bytes"
	"encoding/binary"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// indexPortable does what index does, eight bytes at a time.
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
		chunk := block[w*64 : w*64+64]
		space[w] = gather(equal(chunk, 0, ' ')) |
			gather(equal(chunk, 8, ' '))<<8 |
			gather(equal(chunk, 16, ' '))<<16 |
			gather(equal(chunk, 24, ' '))<<24 |
			gather(equal(chunk, 32, ' '))<<32 |
			gather(equal(chunk, 40, ' '))<<40 |
			gather(equal(chunk, 48, ' '))<<48 |
			gather(equal(chunk, 56, ' '))<<56
	}
}

// equal sets the highest bit of each byte of x that equals c, and no other.
func equal(b []byte, at int, c byte) uint64 {
	x := binary.LittleEndian.Uint64(b[at : at+8])
	x ^= ones * uint64(c)
	return ^((x&^highs + ^uint64(highs)) | x) & highs
}

// gather moves the highest bits of the eight bytes of x, whose other bits are
// zero, into the lowest eight bits, the first byte's lowest.
func gather(x uint64) uint64 {
	return (x >> 7) * 0x0102040810204080 >> 56
}
