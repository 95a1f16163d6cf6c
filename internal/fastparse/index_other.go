//go:build !amd64 || purego

package fastparse

// index sets bit i%64 of newline[i/64] where block[i] is '\n', and of space
// where it is ' '. The lengths of block, newline and space are in proportion
// 64 to 1 to 1.
func index(block []byte, newline, space []uint64) { indexPortable(block, newline, space) }

// pass goes on over rows that are plainly below the threshold. It need not.
func (s *Scanner) pass() {}

func split(space []uint64, start, end, n int, starts *starts) (found int) {
	return splitPortable(space, start, end, n, starts)
}
