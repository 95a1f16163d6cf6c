package workers

import (
	"context"
	"fmt"
	"io"
	"os"

	"tstat-transport/internal/logdir"
)

// logFile is an open log.
type logFile struct {
	*os.File
	log     logdir.Log
	stat    logdir.Stat // when the file was opened: the log is read up to that size
	layouts *layouts
}

// logText is the uncompressed text of a log. It knows nothing of lines.
type logText struct {
	plain       *io.SectionReader // nil for a gzip log
	gzip        io.Reader         // nil for a plain log; it cannot go back
	offset      int64             // of the next byte
	last        byte              // the byte before offset
	fingerprint logdir.Fingerprinter
}

// newLogText returns the text of a log, from its start. ctx bounds every read of a gzip
// log.
func newLogText(ctx context.Context, f logFile) (*logText, error) {
	if !f.log.Gzip {
		return &logText{plain: io.NewSectionReader(f, 0, f.stat.Size)}, nil
	}
	z, err := logdir.Uncompressed(ctx, f.File, f.stat.Size)
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", f.Name(), err)
	}
	return &logText{gzip: z}, nil
}

// Read reads on in the text.
func (t *logText) Read(b []byte) (n int, err error) {
	if t.plain != nil {
		n, err = t.plain.Read(b)
	} else {
		n, err = t.gzip.Read(b)
	}
	if n > 0 {
		t.offset += int64(n)
		t.last = b[n-1]
		_, _ = t.fingerprint.Write(b[:n])
	}
	return n, err
}

// readAt fills line with the text at an offset. In a gzip log, the offset must not be
// before t.offset, and t.offset moves to the end of line.
func (t *logText) readAt(line []byte, at int64) error {
	if t.plain != nil {
		_, err := t.plain.ReadAt(line, at)
		return err
	}
	if err := t.skipTo(at); err != nil {
		return err
	}
	_, err := io.ReadFull(t, line)
	return err
}

// skipTo goes to position. In a gzip log, position must not be before t.offset; in a plain
// log, t.offset must be 0.
func (t *logText) skipTo(position int64) error {
	if t.plain == nil {
		_, err := io.CopyN(io.Discard, t, position-t.offset)
		return err
	}
	const head = blockSize // the fingerprint covers less than a block
	if _, err := io.CopyN(io.Discard, t, min(position, head)); err != nil {
		return err
	}
	var last [1]byte
	if _, err := t.plain.ReadAt(last[:], position-1); err != nil {
		return err
	}
	_, err := t.plain.Seek(position, io.SeekStart)
	t.offset, t.last = position, last[0]
	return err
}

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
