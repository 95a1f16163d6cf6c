package fastparse

import "encoding/binary"

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// indexPortable does what index does, eight bytes at a time.
func indexPortable(block []byte, newline, space []uint64) {
	for w := range newline {
		chunk := block[w*64 : w*64+64]
		var n, s uint64
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(chunk[i : i+8])
			n |= gather(equal(x, '\n')) << i
			s |= gather(equal(x, ' ')) << i
		}
		newline[w], space[w] = n, s
	}
}

// equal sets the highest bit of each byte of x that equals c, and no other.
func equal(x uint64, c byte) uint64 {
	x ^= ones * uint64(c)
	return ^((x&^highs + ^uint64(highs)) | x) & highs
}

// gather moves the highest bits of the eight bytes of x, whose other bits are
// zero, into the lowest eight bits, the first byte's lowest.
func gather(x uint64) uint64 {
	return (x >> 7) * 0x0102040810204080 >> 56
}
