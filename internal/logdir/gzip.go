package logdir

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// Uncompressed returns a reader of the content of a .gz of size bytes. The reader fails
// when ctx ends. Every read after a failed one returns the same error. The reader ends
//   - with io.EOF at the end of the last member; zero bytes after it are padding, as for
//     gzip(1);
//   - with io.ErrUnexpectedEOF if the .gz is truncated, for example because it is still
//     being written. The reader first returns all content that can be decompressed. If not
//     even the first header is complete, there is no content and no error;
//   - at a range of zero bytes inside a member, in place of data that has not arrived yet:
//     with io.ErrUnexpectedEOF if only zero bytes follow, else with errZeros.
func Uncompressed(ctx context.Context, f io.ReaderAt, size int64) (io.Reader, error) {
	from := func(offset int64) io.Reader { return until(ctx, io.NewSectionReader(f, offset, size-offset)) }
	wholeMembers := func(end int64) (bool, error) {
		z, err := newMembers(new(gzip.Reader), io.LimitReader(from(0), end))
		if err == nil {
			_, err = io.Copy(io.Discard, z)
		}
		if atEnd(err) || isDamage(err) {
			return false, nil
		}
		return err == nil, err
	}
	file := func() io.Reader { return newZeroGuard(from, wholeMembers) }
	z, err := newMembers(new(gzip.Reader), file())
	if atEnd(err) {
		return bytes.NewReader(nil), nil
	}
	if err != nil {
		return nil, err
	}
	return &unpacker{z: z, file: file}, nil
}

// unpacker reads a truncated stream to its last byte. The fast decompressor reads ahead
// and does not return some of the last bytes of a truncated stream, perhaps a whole row.
// So unpacker then reads the stream again with the standard decompressor.
type unpacker struct {
	z         *members         // the fast decompressor, then the standard one
	file      func() io.Reader // returns a reader of the .gz from its start
	returned  int64            // bytes of content
	restarted bool
}

func (u *unpacker) Read(b []byte) (int, error) {
	for {
		n, err := u.z.Read(b)
		u.returned += int64(n)
		if u.restarted || !errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
		u.restart()
	}
}

// restart replaces the fast decompressor by the standard one, at the byte that Read
// has reached.
func (u *unpacker) restart() {
	u.restarted = true
	z, err := newMembers(new(stdgzip.Reader), u.file())
	if err == nil {
		_, err = io.CopyN(io.Discard, z, u.returned)
	}
	switch {
	case err == nil:
		u.z = z
	case !atEnd(err): // damaged or unreadable: io.ErrUnexpectedEOF would be taken for the end
		u.z.err = err
	}
	// Else the standard decompressor gets no further, and u.z.err stays.
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
	err    error         // ends all further reads; io.EOF at the end
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
	for m.err == nil {
		n, m.err = m.member.Read(b)
		if errors.Is(m.err, io.EOF) {
			m.err = m.next()
		}
		if n > 0 || len(b) == 0 {
			return n, nil // the next call returns m.err
		}
	}
	return 0, m.err
}

// next opens the member after the one that has ended. It returns io.EOF if only padding is
// left.
func (m *members) next() error {
	first, err := m.file.Peek(1)
	if err != nil {
		return err
	}
	if first[0] != 0 {
		return m.open()
	}
	return m.skipPadding()
}

// skipPadding reads zero bytes. It returns io.EOF at the end, and gzip.ErrHeader if another
// byte follows.
func (m *members) skipPadding() error {
	for {
		b, err := m.file.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return gzip.ErrHeader
		}
	}
}

// isDamage reports whether err means that compressed data is damaged.
func isDamage(err error) bool {
	return errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, new(flate.CorruptInputError))
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
