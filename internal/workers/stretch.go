package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
)

// stretchReader hands out one stretch of a log as blocks of whole lines. A
// stretch reaches from a position up to where the log, or a hole in the log,
// ended when the log was opened.
type stretchReader struct {
	file     *os.File
	src      io.Reader
	text     *gzipText // what src reads; nil for a plain log
	protocol fastparse.Protocol
	layouts  *layouts
	print    logdir.Fingerprinter
	seq      int    // number of blocks handed out
	offset   int64  // of the next byte to hand out: carry[0], unless carry is empty
	carry    []byte // bytes read but not handed out yet

	layout     *fastparse.Layout // in force at offset; nil at the start of the log
	headerLine int64             // offset of that layout's header line
	// sentTail is the line at offset if an earlier run sent that line while it had
	// no newline.
	sentTail *logdir.Tail
}

// toEnd is the end of a stretch that reaches to the end of its log.
const toEnd = -1

// newStretchReader returns a reader of the stretch from from.Position to to, which
// is an offset in the uncompressed log, or toEnd. The caller still owns file. A gzip
// log must be decompressed up to the position, which can take long; ctx bounds that
// and every later read. before is the reader of the stretch before, nil if there is
// none: if it is possible, decompressing goes on where before has ended.
func newStretchReader(ctx context.Context, file *os.File, st logdir.Stat, log logdir.Log, from logdir.LogState, to int64, l *layouts, before *stretchReader) (*stretchReader, error) {
	r := &stretchReader{file: file, protocol: log.Protocol, layouts: l}
	var err error
	switch {
	case !log.Gzip:
		r.src = io.NewSectionReader(file, 0, st.Size)
	case before != nil && before.leadsTo(from):
		r.text, r.print, r.layout, r.headerLine = before.text, before.print, before.layout, before.headerLine
		r.src = r.text
	default:
		r.text = new(gzipText)
		if r.text.Reader, err = logdir.Uncompressed(ctx, file, st.Size); err != nil {
			return r, fmt.Errorf("decompress %s: %w", file.Name(), err)
		}
		r.src = r.text
	}
	if from.Position > 0 {
		err = r.seek(from)
	}
	if to != toEnd {
		r.src = io.LimitReader(r.src, to-from.Position)
	}
	r.src = whileAlive(ctx, r.src)
	return r, err
}

// gzipText is the uncompressed text of a gzip log, which can only be read forward.
type gzipText struct {
	io.Reader
	offset int64 // of the next byte
	last   byte  // the byte before it
}

func (t *gzipText) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	if n > 0 {
		t.offset += int64(n)
		t.last = b[n-1]
	}
	return n, err
}

// leadsTo reports whether the gzip log can be read on to a position and to the
// header line in force there, unless r has that header.
func (r *stretchReader) leadsTo(from logdir.LogState) bool {
	return r.text.offset <= from.Position && (r.hasHeader(from.Header) || r.text.offset <= from.Header)
}

// hasHeader reports whether r's layout is that of the header line at an offset.
func (r *stretchReader) hasHeader(at int64) bool { return r.layout != nil && r.headerLine == at }

// whileAlive returns a reader that fails with ctx's error once ctx has ended.
func whileAlive(ctx context.Context, src io.Reader) io.Reader {
	return readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return src.Read(b)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// seek goes to the position at which an earlier run stopped, and reads the
// header line in force there.
func (r *stretchReader) seek(from logdir.LogState) error {
	line := make([]byte, min(from.Position-from.Header, blockSize))
	var last byte
	var err error
	if s, ok := r.src.(*io.SectionReader); ok {
		last, err = r.seekPlain(s, from, line)
	} else {
		last, err = r.seekText(from, line)
	}
	if err == nil && last != '\n' {
		err = errors.New("no line begins at that byte")
	}
	if err != nil {
		return fmt.Errorf("read %s up to byte %d: %w", r.file.Name(), from.Position, err)
	}
	r.offset, r.sentTail = from.Position, from.Tail
	if r.hasHeader(from.Header) {
		return nil
	}
	layout, err := r.layouts.parse(r.protocol, firstLine(line))
	if err == nil && from.Header > 0 && line[0] != '#' {
		err = errors.New("no header: only the first line of a log may be a header without #")
	}
	if err != nil {
		return fmt.Errorf("%s, byte %d: %w", r.file.Name(), from.Header, err)
	}
	r.layout, r.headerLine = layout, from.Header
	return nil
}

// seekPlain is seek for a plain log: it fills line from the start of the header
// line, and returns the byte before the position.
func (r *stretchReader) seekPlain(s *io.SectionReader, from logdir.LogState, line []byte) (byte, error) {
	const head = blockSize // a fingerprint covers less than a block
	if _, err := io.CopyN(&r.print, s, min(from.Position, head)); err != nil {
		return 0, err
	}
	if _, err := s.ReadAt(line, from.Header); err != nil {
		return 0, err
	}
	var last [1]byte
	if _, err := s.ReadAt(last[:], from.Position-1); err != nil {
		return 0, err
	}
	_, err := s.Seek(from.Position, io.SeekStart)
	return last[0], err
}

// seekText is seekPlain for a gzip log. It does not fill line if the header is
// known.
func (r *stretchReader) seekText(from logdir.LogState, line []byte) (byte, error) {
	src := io.TeeReader(r.text, &r.print)
	if !r.hasHeader(from.Header) {
		if _, err := io.CopyN(io.Discard, src, from.Header-r.text.offset); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(src, line); err != nil {
			return 0, err
		}
	}
	_, err := io.CopyN(io.Discard, src, from.Position-r.text.offset)
	return r.text.last, err
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// lineStart returns the offset of the last line of b. If b ends with a newline,
// the last line is empty.
func lineStart(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }

// fingerprint identifies the log by what has been read so far. The fingerprint is
// final after the first call of next, since it covers less than a block.
func (r *stretchReader) fingerprint() string { return r.print.At(math.MaxInt64) }

// next fills b with the next block. The caller must not call next again after
// the last block.
func (r *stretchReader) next(b *block) {
	b.reset()
	err := r.fill(b)
	b.seq, b.base, b.after = r.seq, r.offset, r.offset+int64(len(b.buf))
	r.seq++
	r.endBlock(b, err)
	r.offset = b.after
	if r.sentTail != nil {
		r.passSentTail(b)
	}
	if err := r.findHeaders(b); err != nil {
		r.fail(b, err, 0)
	}
}

// fill reads a block's bytes; the last line may be incomplete. It returns the error
// of the last read.
func (r *stretchReader) fill(b *block) error {
	carried := copy(b.buf[:blockSize], r.carry)
	n, err := readFull(r.src, b.buf[carried:blockSize])
	b.buf = b.buf[:carried+n]
	_, _ = r.print.Write(b.buf[carried:])
	r.carry = r.carry[:0]
	return err
}

// endBlock makes b end with a whole line, or with the stretch. err is the error of
// the last read.
func (r *stretchReader) endBlock(b *block, err error) {
	zeros := zeroRun(b.buf)
	if zeros >= 0 && r.layout == nil && !mayBeginLog(b.buf[:zeros]) {
		zeros = -1
	}
	whole := lineStart(b.buf)
	switch {
	case zeros >= 0:
		r.endAtZeros(b, zeros, err)
	case atEnd(err):
		b.last, b.unterminated = true, whole < len(b.buf)
		if b.unterminated {
			b.buf = append(b.buf, '\n')
		}
	case err != nil: // the whole lines before the error are good
		r.fail(b, fmt.Errorf("read %s: %w", r.file.Name(), err), whole)
	case whole == 0:
		r.readLongLine(b)
	default:
		r.carry = append(r.carry, b.buf[whole:]...)
		b.buf, b.after = b.buf[:whole], b.base+int64(whole)
	}
}

// fail makes b the log's last block, of which only the first n bytes are good.
func (r *stretchReader) fail(b *block, err error, n int) {
	b.buf = b.buf[:n]
	b.after = b.base + int64(n)
	b.last, b.unterminated, b.err = true, false, err
}

// atEnd reports whether err is the end of a log. A gzip log can end anywhere in
// its compressed data.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// readFull reads until b is full, and returns a nil error then. If b is not full,
// it returns the error of src.
func readFull(src io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = src.Read(b[n:])
		n += m
	}
	if n == len(b) {
		err = nil
	}
	return n, err
}

// readLongLine skips a line that does not fit into a block. b keeps the first
// bytes of the line.
func (r *stretchReader) readLongLine(b *block) {
	const sample = 1 << 10
	scratch := b.buf[sample:blockSize]
	b.long = int64(len(b.buf))
	for {
		n, err := readFull(r.src, scratch)
		if i := bytes.IndexByte(scratch[:n], '\n'); i >= 0 {
			b.long += int64(i)
			b.after = b.base + b.long + 1
			r.carry = append(r.carry, scratch[i+1:n]...)
			b.buf = append(b.buf[:sample], '\n')
			return // the next read returns err again
		}
		b.long += int64(n)
		if atEnd(err) {
			b.after = b.base + b.long
			b.last, b.unterminated = true, true
			b.buf = append(b.buf[:sample], '\n')
			return
		}
		if err != nil {
			r.fail(b, fmt.Errorf("read %s: %w", r.file.Name(), err), 0)
			return
		}
	}
}

// passSentTail decides about the first line of b, which an earlier run sent while
// the line had no newline. If every field that flows depend on was complete at that
// time, the flows have not changed, and passSentTail removes the line from b.
func (r *stretchReader) passSentTail(b *block) {
	tail := *r.sentTail
	r.sentTail = nil
	switch {
	case b.zeros:
		b.sentInZeros = tail
		return
	case b.long > 0 || tail.Flows == 0:
		return
	}
	line := firstLine(b.buf)
	n := int(tail.Bytes)
	if len(line) < n {
		return
	}
	fieldEnded := len(line) == n || line[n] == ' ' || string(line[n:]) == "\r"
	if !fieldEnded && bytes.Count(line[:n], []byte(" ")) < message.Columns(r.layout) {
		return
	}
	b.alreadySent = &logdir.Tail{Bytes: int64(len(line)), Flows: tail.Flows}
	b.stillOpen = b.unterminated && len(line)+1 == len(b.buf)
	if b.stillOpen {
		b.unterminated = false
		b.buf = b.buf[:0]
		return
	}
	b.base += int64(len(line)) + 1
	b.buf = append(b.buf[:0], b.buf[len(line)+1:]...)
}
