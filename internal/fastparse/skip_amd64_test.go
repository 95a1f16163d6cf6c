//go:build !purego

package fastparse

import (
	"testing"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// The assembly skips the same rows as its portable form.
func TestSkipBelowAVX2(t *testing.T) {
	if !cpuid.CPU.Supports(cpuid.AVX2, cpuid.BMI1, cpuid.BMI2, cpuid.POPCNT) {
		t.Skip("this processor cannot run skipBelowAVX2: it lacks AVX2, BMI1, BMI2 or POPCNT")
	}
	if !useSkip {
		t.Log("on this processor skipBelowAVX2 is slow and not used: its PDEP is microcode")
	}
	testSkip(t, func(s *Scanner, pos, rank, rank2 int) (next, rows int) {
		return skipBelowAVX2(unsafe.SliceData(s.block), unsafe.SliceData(s.newline), unsafe.SliceData(s.space),
			pos, len(s.block), rank, rank2, s.threshold)
	})
}

// The row skipper is not used on processors whose PDEP is microcode.
func TestHasFastPDEP(t *testing.T) {
	for _, c := range []struct {
		name   string
		vendor cpuid.Vendor
		family int
		want   bool
	}{
		{"Excavator", cpuid.AMD, 0x15, false},
		{"Zen 1 and 2", cpuid.AMD, 0x17, false},
		{"Zen 3 and 4", cpuid.AMD, 0x19, true},
		{"Zen 5", cpuid.AMD, 0x1a, true},
		{"Dhyana", cpuid.Hygon, 0x18, false},
		{"Haswell and later", cpuid.Intel, 6, true},
	} {
		if got := hasFastPDEP(c.vendor, c.family); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if useSkip && !hasFastPDEP(cpuid.CPU.VendorID, cpuid.CPU.Family) {
		t.Error("the row skipper is in use on a processor whose PDEP is slow")
	}
}
