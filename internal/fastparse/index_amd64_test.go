//go:build !purego

package fastparse

import (
	"fmt"
	"testing"
)

// TestOtherProcessors repeats the tests with the routines that older processors can run.
// It skips the levels that this processor lacks.
func TestOtherProcessors(t *testing.T) {
	avx512, avx2, skip, render := useAVX512, useAVX2, useSkip, useRender
	t.Logf("this processor runs: AVX-512 routines %v, AVX2 index %v, row skipper %v, renderer %v", avx512, avx2, skip, render)
	defer func() { useAVX512, useAVX2, useSkip, useRender = avx512, avx2, skip, render }()
	for _, level := range []struct {
		name               string
		avx512, avx2, skip bool
	}{
		{"AVX-512", true, true, true},
		{"AVX-512 with slow PDEP", true, true, false},
		{"AVX2", false, true, true},
		{"AVX2 with slow PDEP", false, true, false},
		{"neither", false, false, false},
	} {
		t.Run(level.name, func(t *testing.T) {
			if level.avx512 && !avx512 || level.avx2 && !avx2 || level.skip && !skip {
				t.Skip("this processor lacks instructions of this level, see the log above")
			}
			useAVX512, useAVX2, useSkip, useRender = level.avx512, level.avx2, level.skip, level.avx2 && render
			for i, test := range []func(*testing.T){TestIndex, TestIndexSingleBytes, TestLinesOfEveryLength, TestWideRows, TestLines, TestCorpusLines, TestRenderNumbers} {
				t.Run(fmt.Sprint(i), test)
			}
		})
	}
}
