package logdir

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Uncompressed reads a .gz of size bytes, as long as ctx lasts. One that is cut,
// as that of a log which is being written is, ends with io.ErrUnexpectedEOF
// behind all that can be had of it, or is empty where not even its header is
// whole.
func Uncompressed(ctx context.Context, f io.ReaderAt, size int64) (io.Reader, error) {
	file := func() io.Reader { return until(ctx, io.NewSectionReader(f, 0, size)) }
	z, err := gzip.NewReader(file())
	if cut(err) {
		return bytes.NewReader(nil), nil
	}
	if err != nil {
		return nil, err
	}
	return &unpacker{Reader: z, file: file}, nil
}

// unpacker reads to the very end of a stream that is cut. The fast decompressor
// looks ahead, and so keeps some of the last bytes, perhaps a row, to itself:
// the standard one, which does not, then reads the stream once more.
type unpacker struct {
	io.Reader
	file  func() io.Reader // from its start
	read  int64
	again bool
}

func (u *unpacker) Read(b []byte) (int, error) {
	n, err := u.Reader.Read(b)
	u.read += int64(n)
	if !errors.Is(err, io.ErrUnexpectedEOF) || u.again {
		return n, err
	}
	u.again = true
	z, e := stdgzip.NewReader(u.file())
	if e == nil {
		_, e = io.CopyN(io.Discard, z, u.read)
	}
	switch {
	case cut(e):
		return n, err
	case e != nil: // it cannot be read: nobody knows where it ends
		return n, e
	}
	u.Reader = z
	if n > 0 {
		return n, nil
	}
	return u.Read(b)
}
