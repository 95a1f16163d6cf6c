//go:build !purego

package fastparse

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// hasAVX512 is whether the machine has as much of AVX-512 as is used here: Intel's
// servers have since Ice Lake, AMD's processors since Zen 4.
var hasAVX512 = cpu.X86.HasAVX512VBMI2 && cpu.X86.HasAVX512BW && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

//go:noescape
func indexAVX512(block *byte, words int, newline, space *uint64)

//go:noescape
func indexAVX2(block *byte, words int, newline, space *uint64)

// index sets bit i%64 of newline[i/64] where block[i] is '\n', and of space
// where it is ' '. The lengths of block, newline and space are in proportion
// 64 to 1 to 1.
func index(block []byte, newline, space []uint64) {
	if hasAVX512 && len(block) > 0 {
		indexAVX512(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
		return
	}
	if cpu.X86.HasAVX2 && len(block) > 0 {
		indexAVX2(unsafe.SliceData(block), len(block)/64, unsafe.SliceData(newline), unsafe.SliceData(space))
		return
	}
	indexPortable(block, newline, space)
}

//go:noescape
func passAVX2(block *byte, newline, space *uint64, pos, size, rank, rank2 int, threshold uint64) (next, rows int)

var canPass = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// pass goes on over rows that are plainly below the threshold, and stops where
// Next has to look. The branches of Next are as good as random to a processor,
// since they depend on where a field ends; here are none.
func (s *Scanner) pass() {
	if !canPass || s.skips[0] == 0 || s.skips[0] >= 64 || s.skips[1] >= 63 {
		return
	}
	next, rows := passAVX2(unsafe.SliceData(s.block), unsafe.SliceData(s.newline), unsafe.SliceData(s.space),
		s.pos, len(s.block), s.skips[0], s.skips[1]+1, s.threshold)
	s.pos = next
	s.Lines += rows
	s.Below += rows
}

//go:noescape
func splitAVX512(space *uint64, start, end, n int, starts *uint32) (found int)

func split(space []uint64, start, end, n int, starts *starts) (found int) {
	if !hasAVX512 {
		return splitPortable(space, start, end, n, starts)
	}
	return splitAVX512(unsafe.SliceData(space), start, end, n, &starts[0])
}
