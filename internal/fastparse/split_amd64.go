//go:build !purego

package fastparse

import "unsafe"

//go:noescape
func splitAVX512(space *uint64, start, end, n int, starts *uint32) (found int)

func split(space []uint64, start, end, n int, starts *starts) (found int) {
	if !useAVX512 {
		return splitPortable(space, start, end, n, starts)
	}
	return splitAVX512(unsafe.SliceData(space), start, end, n, &starts[0])
}
