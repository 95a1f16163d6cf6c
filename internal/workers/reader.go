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
)

// logReader hands out one stretch of a log as blocks of whole lines: from a
// position up to where the log, or a hole in it, ended when it was opened.
type logReader struct {
	file   *os.File
	src    io.Reader
	kind   fastparse.Protocol
	cache  *layouts
	print  logdir.Fingerprinter
	seq    int
	offset int64 // of the next byte to hand out; carry[0] if there is one
	carry  []byte
	layout *fastparse.Layout // in force at offset, nil at the log's start
	header int64             // offset of its header line
	taken  *logdir.Tail      // the line at offset, as the last run took it
}

// logEnd is where a stretch ends that a hole does not end.
const logEnd = -1

// newLogReader returns a reader of the stretch from from.Position up to to, an
// offset in the uncompressed log or logEnd. The file stays the caller's. Reading ends early when ctx does; a gzip log must be decompressed up
// to that position, which can take long.
func newLogReader(ctx context.Context, file *os.File, st logdir.Stat, log logdir.Log, from logdir.LogState, to int64, cache *layouts) (*logReader, error) {
	r := &logReader{file: file, kind: log.Protocol, cache: cache}
	r.src = io.NewSectionReader(file, 0, st.Size)
	if log.Gzip {
		var err error
		if r.src, err = logdir.Uncompressed(ctx, file, st.Size); err != nil {
			return r, fmt.Errorf("decompress %s: %w", file.Name(), err)
		}
	}
	var err error
	if from.Position > 0 {
		err = r.skip(from)
	}
	if to != logEnd {
		r.src = io.LimitReader(r.src, to-from.Position)
	}
	r.src = whileAlive(ctx, r.src)
	return r, err
}

// whileAlive fails with ctx's error once ctx has ended.
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

// skip goes to the position of an earlier run, with the header line in force
// there.
func (r *logReader) skip(from logdir.LogState) error {
	line := make([]byte, min(from.Position-from.Header, blockSize))
	var before lastByte
	var err error
	if s, ok := r.src.(*io.SectionReader); ok {
		const head = blockSize // at least what a fingerprint reaches
		_, err = io.CopyN(&r.print, s, min(from.Position, head))
		if err == nil {
			_, err = s.ReadAt(line, from.Header)
		}
		if err == nil {
			_, err = s.ReadAt(before[:], from.Position-1)
		}
		if err == nil {
			_, err = s.Seek(from.Position, io.SeekStart)
		}
	} else {
		src := io.TeeReader(r.src, io.MultiWriter(&r.print, &before))
		_, err = io.CopyN(io.Discard, src, from.Header)
		if err == nil {
			_, err = io.ReadFull(src, line)
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, src, from.Position-from.Header-int64(len(line)))
		}
	}
	if err == nil && before[0] != '\n' {
		err = errors.New("no line begins there")
	}
	if err != nil {
		return fmt.Errorf("read %s up to byte %d: %w", r.file.Name(), from.Position, err)
	}
	layout, err := r.cache.parse(r.kind, firstLine(line))
	if err == nil && from.Header > 0 && line[0] != '#' {
		err = errors.New("no header: only a log's first line may be one without #")
	}
	if err != nil {
		return fmt.Errorf("%s, byte %d: %w", r.file.Name(), from.Header, err)
	}
	r.offset, r.layout, r.header, r.taken = from.Position, layout, from.Header, from.Tail
	return nil
}

// lastByte keeps the last byte that passes by.
type lastByte [1]byte

func (l *lastByte) Write(b []byte) (int, error) {
	if len(b) > 0 {
		l[0] = b[len(b)-1]
	}
	return len(b), nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// fingerprint identifies the log by what has been read so far. It is final
// once next has been called: a block is longer than a fingerprint reaches.
func (r *logReader) fingerprint() string { return r.print.At(math.MaxInt64) }

// next fills c with the log's next block. After the last one it is not to be
// called again.
func (r *logReader) next(c *chunk) {
	c.reset()
	n := copy(c.buf[:blockSize], r.carry)
	m, err := readFull(r.src, c.buf[n:blockSize])
	_, _ = r.print.Write(c.buf[n : n+m])
	n += m
	r.carry = r.carry[:0]
	c.buf, c.seq, c.base = c.buf[:n], r.seq, r.offset
	r.seq++

	c.after = r.offset + int64(n)
	whole := bytes.LastIndexByte(c.buf, '\n') + 1
	zeros := zeroRun(c.buf)
	if zeros >= 0 && r.layout == nil && !mayBeginLog(c.buf[:zeros]) {
		zeros = -1
	}
	switch {
	case zeros >= 0:
		r.zeros(c, zeros, err)
	case ended(err):
		c.last, c.tail = true, whole < n
		if c.tail {
			c.buf = append(c.buf, '\n')
		}
	case err != nil: // what was read is good as far as its lines are whole
		r.fail(c, fmt.Errorf("read %s: %w", r.file.Name(), err), whole)
	case whole == 0:
		r.longLine(c)
	default:
		r.carry = append(r.carry, c.buf[whole:]...)
		c.buf, c.after = c.buf[:whole], r.offset+int64(whole)
	}
	r.offset = c.after
	switch {
	case r.taken != nil && c.zeros:
		c.taken = *r.taken
	case r.taken != nil && c.long == 0:
		r.settle(c)
	}
	r.taken = nil
	if err := r.findHeaders(c); err != nil {
		r.fail(c, err, 0)
	}
}

// fail makes c the log's last block, of which only the first n bytes are good.
func (r *logReader) fail(c *chunk, err error, n int) {
	c.buf = c.buf[:n]
	c.after = c.base + int64(n)
	c.last, c.tail, c.err = true, false, err
}

// ended tells the end of a log, which cuts a compressed one anywhere.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// readFull reads until b is full. Its error is nil then, else that of src.
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
