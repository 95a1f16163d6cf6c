package fastparse

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:noescape
func indexAVX2(block *byte, words int, newline, space *uint64)

// index sets bit i%64 of newline[i/64] where block[i] is '\n', and of space
// where it is ' '. The lengths of block, newline and space are in proportion
// 64 to 1 to 1.
func index(block []byte, newline, space []uint64) {
	if cpu.X86.HasAVX2 && len(block) > 0 {
		indexAVX2(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
		return
	}
	indexPortable(block, newline, space)
}
