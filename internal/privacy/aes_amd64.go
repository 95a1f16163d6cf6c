//go:build !purego

package privacy

import "github.com/klauspost/cpuid/v2"

// useAESNI reports whether the processor can run aes_amd64.s. Tests clear it to run the
// portable code.
var useAESNI = cpuid.CPU.Supports(cpuid.AVX, cpuid.AESNI)

//go:noescape
func expandAESNI(keys *roundKeys, key *[16]byte)

//go:noescape
func firstBitsAESNI(keys *roundKeys, blocks *[16][16]byte) uint32
