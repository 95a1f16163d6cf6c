//go:build !purego

package message

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"tstat-transport/internal/fastparse"
)

var canJoin = cpu.X86.HasAVX2 && cpu.X86.HasBMI2

//go:noescape
func joinAVX2(pieces *piece, n, i int, starts *uint32, block *byte, values *value, out *byte, o int) (next, end int)

func join(pieces []piece, i int, fields *fastparse.Fields, block []byte, values *values, out []byte, o int) (next, end int) {
	if !canJoin {
		return joinPortable(pieces, i, fields, block, values, out, o)
	}
	return joinAVX2(unsafe.SliceData(pieces), len(pieces), i, &fields.Starts[0], unsafe.SliceData(block), &values[0], unsafe.SliceData(out), o)
}
