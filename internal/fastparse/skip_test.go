package fastparse

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// safeBits is the number of bits from the start of a window to the start of the next
// window. Every window has at least 57 bits.
const safeBits = 56

// window returns the first 57 to 64 bits of the bitmap from offset at on, then zeros: as
// many bits as the assembly gets by loading eight bytes and shifting them.
func window(bitmap []uint64, at int) uint64 {
	w, shift := at/64, at%64
	m := bitmap[w]>>shift | bitmap[w+1]<<1<<(63-shift)
	return m << (at % 8) >> (at % 8)
}

// selectBit returns the position of the n-th set bit of m, or 64 if m has fewer bits.
func selectBit(m uint64, n int) int {
	for ; n > 1; n-- {
		m &= m - 1
	}
	return bits.TrailingZeros64(m)
}

// skipBelowPortable is skipBelowAVX2 in Go, step by step. The slice space must include
// the spare words (see the constant reach).
func skipBelowPortable(block []byte, newline, space []uint64, pos, rank, rank2 int, threshold uint64) (next, rows int) {
	const safe = 1<<safeBits - 1
	for pos < len(block) && block[pos] != '#' {
		// The row's newline.
		w := pos / 64
		end := pos + bits.TrailingZeros64(newline[w]>>(pos%64))
		if newline[w]>>(pos%64) == 0 {
			for w++; newline[w] == 0; w++ {
			}
			end = w*64 + bits.TrailingZeros64(newline[w])
		}

		// The first count begins after space number rank, which is in one of two windows.
		m, base, n := window(space, pos), pos, rank
		if c := bits.OnesCount64(m & safe); n > c {
			m, base, n = window(space, pos+safeBits), pos+safeBits, n-c
		}
		bit := selectBit(m, n)
		if bit == 64 {
			return pos, rows
		}
		from := base + bit + 1
		length := bits.TrailingZeros64(window(space, from))

		// The second count begins after space number rank2, counted from the start of
		// the first count. This space is in one of three windows.
		m, base, n = window(space, from), from, rank2
		for range 2 {
			c := bits.OnesCount64(m & safe)
			if n <= c {
				break
			}
			base += safeBits
			m, n = window(space, base), n-c
		}
		if bit = selectBit(m, n); bit == 64 {
			return pos, rows
		}
		from2 := base + bit + 1
		length2 := bits.TrailingZeros64(window(space, from2))

		// Both counts must be in the row and have one to eight digits.
		if from2+length2 >= end || uint(length-1) >= 8 || uint(length2-1) >= 8 {
			return pos, rows
		}
		first, invalid := digits8(word(block[from:from+8]), length)
		second, invalid2 := digits8(word(block[from2:from2+8]), length2)
		if invalid|invalid2 != 0 || number8(first) >= threshold || number8(second) >= threshold {
			return pos, rows
		}
		rows++
		pos = end + 1
	}
	return pos, rows
}

// skipLog returns a log of rows with byte counts in the columns a and b. Some lines and some
// fields are malformed or empty.
func skipLog(random *rand.Rand, a, b int) []byte {
	var log strings.Builder
	for range 1 + random.IntN(8) {
		if random.IntN(12) == 0 {
			log.WriteString([]string{"\n", "#x\n", " \n", "1\n", "\r\n"}[random.IntN(5)])
		}
		columns := max(a, b) + 1 + random.IntN(4)
		if random.IntN(20) == 0 {
			columns = random.IntN(columns)
		}
		width := 1 + random.IntN(12)
		for i := range columns {
			if i > 0 {
				log.WriteByte(' ')
			}
			digits := 1 + random.IntN(width)
			if i == a || i == b {
				digits = 1 + random.IntN(9)
			}
			field := fmt.Sprint(random.Uint64())[:digits]
			if random.IntN(60) == 0 {
				field = []string{"", "x", "12a", "/", ":", "0000000"}[random.IntN(6)]
			}
			log.WriteString(field)
		}
		log.WriteByte('\n')
	}
	return []byte(log.String())
}

// checkSkip starts skip at each line of a log, and compares it with skipBelowPortable and
// with isBelowReference. It returns the number of rows skipped.
func checkSkip(t *testing.T, skip func(s *Scanner, pos, rank, rank2 int) (next, rows int), log []byte, a, b int, threshold uint64) (skipped int) {
	t.Helper()
	layout := layoutOf(a, b)
	var s Scanner
	s.Reset(slices.Grow(slices.Clone(log), Padding), layout, threshold)
	if !s.canSkip() {
		return 0
	}
	rank, rank2 := s.ranks[0], s.ranks[1]
	for pos := 0; pos < len(log); pos += strings.IndexByte(string(log[pos:]), '\n') + 1 {
		next, rows := skip(&s, pos, rank, rank2)
		wantNext, wantRows := skipBelowPortable(s.block, s.newline, s.space[:cap(s.space)], pos, rank, rank2, threshold)
		if next != wantNext || rows != wantRows {
			t.Fatalf("counts in columns %d and %d, threshold %d, from %d of %q: %d rows to %d, want %d to %d",
				a, b, threshold, pos, log, rows, next, wantRows, wantNext)
		}
		for _, line := range strings.SplitAfterN(string(log[pos:]), "\n", rows+1)[:rows] {
			fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
			if !isBelowReference(fields, layout, threshold) {
				t.Fatalf("counts in columns %d and %d, threshold %d: %q is not below", a, b, threshold, line)
			}
		}
		skipped += rows
	}
	return skipped
}

// testSkip checks a form of the row skipper with many logs.
func testSkip(t *testing.T, skip func(s *Scanner, pos, rank, rank2 int) (next, rows int)) {
	t.Helper()
	random := rand.New(rand.NewPCG(9, 10))
	skipped := 0
	for range 4000 {
		a, b := 1+random.IntN(1<<(1+random.IntN(6))-1), 1+random.IntN(1<<(1+random.IntN(6))-1)
		if a == b {
			b++
		}
		skipped += checkSkip(t, skip, skipLog(random, a, b), a, b, []uint64{1, 5000, 1e6, 1e8, 1e9, 1 << 62}[random.IntN(6)])
	}
	if skipped < 1000 {
		t.Errorf("%d rows skipped, want at least 1000", skipped)
	}
}

// The portable row skipper skips only rows below the threshold.
func TestSkipBelowPortable(t *testing.T) {
	testSkip(t, func(s *Scanner, pos, rank, rank2 int) (next, rows int) {
		return skipBelowPortable(s.block, s.newline, s.space[:cap(s.space)], pos, rank, rank2, s.threshold)
	})
}
