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

// memberEnd is how many zero bytes a .gz without padding can end with: one of the compressed
// data and all of the trailer of an empty member. A file that ends with more is padded, or
// its last data has not arrived.
const memberEnd = 9

// zeroGuard reads the compressed data of a .gz up to a run of zero bytes inside a member:
// zeroRunGzip of them, or more than memberEnd at the end of the file. Decompressed, such a
// run can look like rows that nobody wrote. If nothing but zero bytes follows, the data ends
// there; else the error is errZeros. A run after a whole member passes: [members] treats it
// as padding. All runs with other bytes after them pass if the whole file has the right
// checksums.
type zeroGuard struct {
	r  *bufio.Reader
	at int64 // bytes returned so far
	// from returns a reader of the file from an offset to its end.
	from func(offset int64) io.Reader
	// wholeMembers reports whether the file up to offset end is whole members with the
	// right checksums, perhaps with padding. The error is that of reading the file.
	wholeMembers func(end int64) (bool, error)
	off          bool // everything passes from here on
}

func newZeroGuard(from func(offset int64) io.Reader, wholeMembers func(end int64) (bool, error)) *zeroGuard {
	return &zeroGuard{r: bufio.NewReader(from(0)), from: from, wholeMembers: wholeMembers}
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
	if len(head) == 0 || err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if !z.off && len(head) > memberEnd && bytes.Equal(head, zeroBytes[:len(head)]) {
		if err := z.pass(); err != nil {
			return 0, err
		}
		return z.ready()
	}
	buffered, _ := z.r.Peek(z.r.Buffered())
	if z.off {
		return len(buffered), nil
	}
	if n := bytes.Index(buffered, zeroBytes[:]); n >= 0 {
		return n, nil
	}
	// Zero bytes at the end of the buffer may be the start of a run. At the end of the file,
	// up to memberEnd of them are no run.
	if n := len(bytes.TrimRight(buffered, "\x00")); n > 0 && (len(head) == zeroRunGzip || len(head)-n > memberEnd) {
		return n, nil
	}
	return len(buffered), nil
}

// pass lets everything pass from here on if the run of zero bytes that follows is outside a
// member (after whole members, or at the start of the file, where [members] finds no header)
// or has other bytes after it in a file of whole members. Else it returns the error that ends
// the data.
func (z *zeroGuard) pass() error {
	var err error
	if z.off = z.at == 0; !z.off {
		z.off, err = z.wholeMembers(z.at + memberEnd) // the run may begin with the end of a member
	}
	if z.off || err != nil {
		return err
	}
	// To decompress many zero bytes can take long, so look first whether other bytes follow.
	if err := z.endAtZeros(); !errors.Is(err, errZeros) {
		return err
	}
	z.off, err = z.wholeMembers(math.MaxInt64)
	if err == nil && !z.off {
		err = errZeros
	}
	z.r.Reset(z.from(z.at)) // endAtZeros has read on, and data may just have replaced zero bytes
	return err
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
