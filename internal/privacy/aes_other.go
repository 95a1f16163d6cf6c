//go:build !amd64 || purego

package privacy

var useAESNI = false

func expandAESNI(*roundKeys, *[16]byte) { panic("BUG: no assembly") }

func firstBitsAESNI(*roundKeys, *[16][16]byte) uint32 { panic("BUG: no assembly") }
