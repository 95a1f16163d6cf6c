package logdir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
)

// errZeros means that data of the .gz has not arrived yet or was lost.
var errZeros = errors.New("a range of zero bytes within the compressed data")

// zeroRunGzip is a number of zero bytes in a row that the .gz of a log has only if the log
// has half a megabyte of one line repeated, or of zero bytes.
const zeroRunGzip = 512

var zeroBytes [zeroRunGzip]byte

// zeroGuard reads the compressed data of a .gz up to a run of zero bytes inside a
// member. Decompressed, such a run can look like rows that nobody wrote. If
// nothing but zero bytes follows, the data ends there; else the error is
// errZeros. A run after a whole member passes: [members] treats it as padding. All runs
// pass if the whole file has the right checksums.
type zeroGuard struct {
	r  *bufio.Reader
	at int64 // bytes returned so far
	// wholeMembers reports whether the file up to offset end is whole members with the
	// right checksums, perhaps with padding.
	wholeMembers func(end int64) bool
	off          bool // everything passes from here on
}

func newZeroGuard(r io.Reader, wholeMembers func(end int64) bool) *zeroGuard {
	return &zeroGuard{r: bufio.NewReader(r), wholeMembers: wholeMembers}
}

func (z *zeroGuard) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := z.ready()
	if err != nil {
		return 0, err
	}
	n, err = z.r.Read(b[:min(len(b), n)])
	z.at += int64(n)
	return n, err
}

// ready returns how many of the next bytes may be returned, at least one.
func (z *zeroGuard) ready() (int, error) {
	head, err := z.r.Peek(zeroRunGzip)
	if len(head) == 0 {
		return 0, err
	}
	if !z.off && bytes.Equal(head, zeroBytes[:]) {
		if !z.mayPass() {
			return 0, z.endAtZeros()
		}
		z.off = true
	}
	buffered, _ := z.r.Peek(z.r.Buffered())
	if z.off {
		return len(buffered), nil
	}
	if n := bytes.Index(buffered, zeroBytes[:]); n >= 0 {
		return n, nil
	}
	// A run may begin with the last bytes, unless the file ends with them.
	if n := len(bytes.TrimRight(buffered, "\x00")); n > 0 && len(head) == zeroRunGzip {
		return n, nil
	}
	return len(buffered), nil
}

// mayPass reports whether the run of zero bytes that follows is outside a member (after
// whole members, or at the start of the file, where [members] finds no header), or is
// compressed data of a whole file.
func (z *zeroGuard) mayPass() bool {
	const trailer = 8 // bytes at the end of a member; the run may begin with them
	return z.at == 0 || z.wholeMembers(z.at+trailer) || z.wholeMembers(math.MaxInt64)
}

// endAtZeros returns io.EOF if only zero bytes are left, else errZeros.
func (z *zeroGuard) endAtZeros() error {
	for {
		buffered, err := z.r.Peek(max(1, z.r.Buffered()))
		switch {
		case len(bytes.TrimLeft(buffered, "\x00")) > 0:
			return errZeros
		case err != nil:
			return err
		}
		_, _ = z.r.Discard(len(buffered))
	}
}
