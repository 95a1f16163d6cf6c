package fastparse

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// indexNaive is index, one byte at a time.
func indexNaive(block []byte, newline, space []uint64) {
	clear(newline)
	clear(space)
	for i, c := range block {
		switch c {
		case '\n':
			newline[i/64] |= 1 << (i % 64)
		case ' ':
			space[i/64] |= 1 << (i % 64)
		}
	}
}

func TestIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	memory := make([]byte, 64*9+64)
	for round := range 2000 {
		words := random.IntN(9)
		block := memory[round%64:][:words*64]
		for i := range block {
			switch random.IntN(4) {
			case 0:
				block[i] = byte(random.Uint32())
			case 1: // bytes close to a newline or space: the neighbours, one bit changed, the highest bit set
				block[i] = "\n \x0b\x09\x21\x1f\x8a\xa0\x00\xff\x0e\x24"[random.IntN(12)]
			case 2:
				block[i] = '\n'
			case 3:
				block[i] = ' '
			}
		}
		var got [3][2][]uint64
		for i, f := range []func(block []byte, newline, space []uint64){indexNaive, index, indexPortable} {
			newline, space := make([]uint64, words+1), make([]uint64, words+1)
			newline[words], space[words] = 42, 42
			f(block, newline[:words], space[:words])
			got[i] = [2][]uint64{newline, space}
			if newline[words] != 42 || space[words] != 42 {
				t.Fatalf("function %d wrote after its %d words", i, words)
			}
			for j := range 2 {
				if !slices.Equal(got[i][j], got[0][j]) {
					t.Fatalf("function %d, bitmap %d of %q: %x, want %x", i, j, block, got[i][j], got[0][j])
				}
			}
		}
	}
}

// TestIndexSingleBytes indexes blocks of zero bytes with one other byte: each value at
// each place.
func TestIndexSingleBytes(t *testing.T) {
	var block [64]byte
	for place := range block {
		for value := range 256 {
			block[place] = byte(value)
			for _, f := range []func(block []byte, newline, space []uint64){index, indexPortable} {
				var newline, space [1]uint64
				f(block[:], newline[:], space[:])
				var wantNewline, wantSpace uint64
				switch value {
				case '\n':
					wantNewline = 1 << place
				case ' ':
					wantSpace = 1 << place
				}
				if newline[0] != wantNewline || space[0] != wantSpace {
					t.Fatalf("byte %#x at %d: %x and %x", value, place, newline[0], space[0])
				}
			}
			block[place] = 0
		}
	}
}
