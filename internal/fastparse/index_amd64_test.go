//go:build !purego

package fastparse

import "testing"

// What a machine with AVX-512 does without it, and without AVX2, is what other
// machines do.
func TestOtherMachines(t *testing.T) {
	avx512, pass := hasAVX512, canPass
	defer func() { hasAVX512, canPass = avx512, pass }()
	for name, can := range map[string]bool{"AVX2": pass, "BMI missing": false} {
		hasAVX512, canPass = false, can
		t.Run(name+"/index", TestIndex)
		t.Run(name+"/bytes", TestIndexSingleBytes)
		t.Run(name+"/lengths", TestLinesOfEveryLength)
		t.Run(name+"/wide", TestWideRows)
		t.Run(name+"/lines", TestLines)
		t.Run(name+"/corpus", TestCorpusLines)
	}
}
