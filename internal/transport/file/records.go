package file

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxRecord bounds a record of an output file, in bytes, compressed or not: a
// message, and what a single one may need of memory when a file is read again.
const maxRecord = 64 << 20

var errTorn = errors.New("record is torn")

// wholeRecords returns the size in bytes of the whole records with which a
// file starts. What follows was being written when the program or the machine
// died: after a power cut that may be anything, so each record is looked into.
// The error is of reading, or ctx's.
func wholeRecords(ctx context.Context, file io.Reader, compression string) (size int64, err error) {
	src := &source{ctx: ctx, r: file}
	r := &recordReader{src: bufio.NewReaderSize(src, 256<<10)}
	var next func() error
	switch compression {
	case "gzip":
		next = r.gzipMember
	case "zstd":
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecord))
		if err != nil {
			return 0, err
		}
		defer d.Close()
		next = func() error { return r.zstdFrame(d) }
	default:
		next = r.line
	}
	for {
		if err := next(); err != nil {
			return size, src.err
		}
		size = r.read
	}
}

// source keeps the error that ended reading, io.EOF aside: decoders may call
// any error a damaged input.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// recordReader reads one record at a time. Its methods end with an error where
// there is no further whole one.
type recordReader struct {
	src  *bufio.Reader
	read int64 // bytes taken out of src
	buf  []byte
	gzip gzip.Reader
}

// Read and ReadByte let a decoder take no more than it needs.
func (r *recordReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.read += int64(n)
	return n, err
}

func (r *recordReader) ReadByte() (byte, error) {
	b, err := r.src.ReadByte()
	if err == nil {
		r.read++
	}
	return b, err
}

func (r *recordReader) line() error {
	r.buf = r.buf[:0]
	for {
		part, err := r.src.ReadSlice('\n')
		r.read += int64(len(part))
		r.buf = append(r.buf, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) || len(r.buf) > maxRecord {
			return errTorn
		}
	}
	if !isLine(r.buf) {
		return errTorn
	}
	return nil
}

// isLine tells a line of an output file from what else a file may hold after a
// power cut: pages that never reached the disk read as zeros.
func isLine(line []byte) bool {
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	if !ended || bytes.ContainsAny(text, "\x00\n") {
		return false
	}
	list := bytes.HasPrefix(text, []byte("[")) && bytes.HasSuffix(text, []byte("]"))
	return list || bytes.HasPrefix(text, []byte("{")) && bytes.HasSuffix(text, []byte("}"))
}

func (r *recordReader) gzipMember() error {
	if err := r.gzip.Reset(r); err != nil {
		return err
	}
	r.gzip.Multistream(false)
	_, err := io.Copy(io.Discard, &r.gzip)
	return err
}

// zstdFrame finds the end of a frame by the headers of its blocks (RFC 8878,
// section 3.1.1) and decodes it, which checks its checksum.
func (r *recordReader) zstdFrame(d *zstd.Decoder) error {
	start, err := r.src.Peek(zstd.HeaderMaxSize)
	if len(start) == 0 {
		return err
	}
	var h zstd.Header
	if err := h.Decode(start); err != nil {
		return err
	}
	r.buf = r.buf[:0]
	if err := r.take(h.HeaderSize); err != nil {
		return err
	}
	for last := false; !last; {
		if err := r.take(3); err != nil {
			return err
		}
		header := binary.LittleEndian.Uint32(append(r.buf[len(r.buf)-3:len(r.buf):len(r.buf)], 0))
		last = header&1 == 1
		size := int(header >> 3)
		if kind := header >> 1 & 3; kind == 1 { // one byte, repeated
			size = 1
		}
		if err := r.take(size); err != nil {
			return err
		}
	}
	if h.HasCheckSum {
		if err := r.take(4); err != nil {
			return err
		}
	}
	_, err = d.DecodeAll(r.buf, nil)
	return err
}

// take moves n bytes from src to the end of buf.
func (r *recordReader) take(n int) error {
	at := len(r.buf)
	if at+n > maxRecord {
		return errTorn
	}
	r.buf = append(r.buf, make([]byte, n)...)
	_, err := io.ReadFull(r, r.buf[at:])
	return err
}
