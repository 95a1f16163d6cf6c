//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func indexAVX512(block *byte, words int, newline, space *uint64)

//go:noescape
func indexAVX2(block *byte, words int, newline, space *uint64)

// index sets bit i%64 of newline[i/64] if block[i] is '\n', and of space if it
// is ' '. The lengths of block, newline and space are in proportion 64 to 1 to
// 1.
func index(block []byte, newline, space []uint64) {
	switch {
	case len(block) == 0:
	case useAVX512:
		indexAVX512(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
	case useAVX2:
		indexAVX2(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
	default:
		indexPortable(block, newline, space)
	}
}
