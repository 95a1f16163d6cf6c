package logdir

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Uncompressed returns a reader of the content of a .gz of size bytes; reading fails when
// ctx ends. A truncated .gz, as of a log that is still being compressed, ends with
// io.ErrUnexpectedEOF after all content that can be decompressed; it is empty if not even
// its header is complete. A .gz with zero bytes inside a member, in place of data that has
// not arrived yet, ends there: like a truncated one if only zero bytes follow, else with
// errZeros. Zero bytes from the end of a member to the end of the file are padding, as for
// gzip(1).
func Uncompressed(ctx context.Context, f io.ReaderAt, size int64) (io.Reader, error) {
	upTo := func(to int64) io.Reader { return until(ctx, io.NewSectionReader(f, 0, min(to, size))) }
	whole := func(to int64) bool {
		z, err := newMembers(new(gzip.Reader), upTo(to))
		if err == nil {
			_, err = io.Copy(io.Discard, z)
		}
		return err == nil
	}
	file := func() io.Reader { return newZeroGuard(upTo(size), whole) }
	z, err := newMembers(new(gzip.Reader), file())
	if isTruncated(err) {
		return bytes.NewReader(nil), nil
	}
	if err != nil {
		return nil, err
	}
	return &unpacker{Reader: z, file: file}, nil
}

// unpacker reads a truncated stream to its last byte. The fast decompressor reads ahead
// and does not return some of the last bytes of a truncated stream, perhaps a whole row.
// So unpacker then reads the stream again with the standard decompressor.
type unpacker struct {
	io.Reader
	file      func() io.Reader // from its start
	read      int64
	restarted bool
}

func (u *unpacker) Read(b []byte) (int, error) {
	n, err := u.Reader.Read(b)
	u.read += int64(n)
	if !errors.Is(err, io.ErrUnexpectedEOF) || u.restarted {
		return n, err
	}
	u.restarted = true
	z, e := newMembers(new(stdgzip.Reader), u.file())
	if e == nil {
		_, e = io.CopyN(io.Discard, z, u.read)
	}
	switch {
	case isTruncated(e):
		return n, err
	case e != nil: // damaged: the end of its rows is unknown
		return n, e
	}
	u.Reader = z
	if n > 0 {
		return n, nil
	}
	return u.Read(b)
}

// memberReader is the Reader of either gzip package.
type memberReader interface {
	io.Reader
	Reset(r io.Reader) error
	Multistream(on bool)
}

// members reads the members of a .gz one after another, up to its end or to the
// padding that ends it.
type members struct {
	member memberReader
	file   *bufio.Reader // an io.ByteReader, so member reads nothing beyond its own trailer
	err    error         // the first of any Read, io.EOF included
}

// newMembers returns a reader of file. Its error is that of the first header.
func newMembers(member memberReader, file io.Reader) (*members, error) {
	m := &members{member: member, file: bufio.NewReader(file)}
	return m, m.open()
}

// open reads the header of the next member.
func (m *members) open() error {
	if err := m.member.Reset(m.file); err != nil {
		return err
	}
	m.member.Multistream(false)
	return nil
}

func (m *members) Read(b []byte) (n int, err error) {
	for n == 0 && m.err == nil {
		n, m.err = m.member.Read(b)
		if errors.Is(m.err, io.EOF) {
			m.err = m.next()
		}
		if len(b) == 0 {
			break
		}
	}
	if n > 0 { // the error, if there is one, is that of the next call
		return n, nil
	}
	return 0, m.err
}

// next opens the member after the one that has ended. Its error is io.EOF if only zero
// bytes are left.
func (m *members) next() error {
	if b, err := m.file.Peek(1); err != nil {
		return err
	} else if b[0] != 0 {
		return m.open()
	}
	for {
		switch b, err := m.file.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			return gzip.ErrHeader
		}
	}
}

// EndsWithZeros reports whether a .gz of size bytes ends with at least as many zero
// bytes as the shortest member has. They may be padding, or a member whose data has
// not arrived yet.
func EndsWithZeros(f io.ReaderAt, size int64) bool {
	const shortest = 20 // bytes: a header of 10, no data in 2, a trailer of 8
	var end, zeros [shortest]byte
	_, err := f.ReadAt(end[:], size-shortest)
	return err == nil && size > shortest && end == zeros
}
