//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func indexAVX512(block *byte, words int, newline, space *uint64)

//go:noescape
func indexAVX2(block *byte, words int, newline, space *uint64)

// index fills two bitmaps: bit i%64 of newline[i/64] tells whether block[i] is '\n', and
// the same bit of space tells whether block[i] is ' '. newline and space have one word
// for 64 bytes of block.
func index(block []byte, newline, space []uint64) {
	switch {
	case useAVX512:
		indexAVX512(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
	case useAVX2:
		indexAVX2(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
	default:
		indexPortable(block, newline, space)
	}
}
