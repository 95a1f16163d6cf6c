//go:build !purego

package fastparse

import "github.com/klauspost/cpuid/v2"

// The routines in assembly that this processor can run; docs/assembly.md lists
// what each of them needs. Tests clear these variables to run the portable code.
var (
	// useAVX512 stands for AVX-512 with VBMI2: Intel's servers since Ice Lake,
	// AMD's processors since Zen 4.
	useAVX512 = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VBMI2, cpuid.BMI1, cpuid.BMI2, cpuid.POPCNT)
	useAVX2   = cpuid.CPU.Supports(cpuid.AVX2)
	useRender = cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2)
	useSkip   = cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2, cpuid.POPCNT) &&
		hasFastPDEP(cpuid.CPU.VendorID, cpuid.CPU.Family)
)

// hasFastPDEP reports whether a processor that has PDEP has it in hardware. On
// AMD before family 0x19 (Zen 3), and on the Zen 1 that Hygon builds, it is
// microcode: at least 18 cycles instead of 3
// (https://en.wikipedia.org/wiki/X86_Bit_manipulation_instruction_set).
func hasFastPDEP(vendor cpuid.Vendor, family int) bool {
	const zen3 = 0x19
	switch vendor {
	case cpuid.AMD:
		return family >= zen3
	case cpuid.Hygon:
		return false
	default:
		return true
	}
}
