package workers

import (
	"bytes"
	"errors"
	"fmt"
)

// A file has zero bytes where its data has not arrived yet: rsync --preallocate,
// NFS, SMB and a crash leave them. Such bytes come in runs. A single zero byte is
// taken as part of a field.

// zeroRun returns where a run of zero bytes begins in b, -1 if there is none.
func zeroRun(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], 0)
		if i < 0 || from+i+1 == len(b) {
			return -1
		}
		if b[from+i+1] == 0 {
			return from + i
		}
		from += i + 1
	}
}

// mayBeginLog reports whether text can be the start of a log: nothing, (part of) a
// header line, or more. In the file, a run of zero bytes follows text.
func mayBeginLog(text []byte) bool {
	return len(text) == 0 || bytes.IndexByte(text, '#') >= 0 || bytes.IndexByte(text, '\n') >= 0 || bytes.Contains(text, []byte("c_ip"))
}

// endAtZeros ends b before the line that holds a run of zero bytes, which begins at
// b.buf[at]. If that line is the first of b, b becomes the hole. The hole reaches
// to the end of the line, or to the end of the stretch if no newline follows. err
// is the error of the last read.
func (r *stretchReader) endAtZeros(b *block, at int, err error) {
	if lines := lineStart(b.buf[:at]); lines > 0 {
		r.carry = append(r.carry, b.buf[lines:]...)
		b.buf, b.after = b.buf[:lines], b.base+int64(lines)
		return
	}
	if r.layout == nil {
		r.endBeforeHeader(b, at, err)
		return
	}
	b.zeros = true
	rest := b.buf[at:]
	for {
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			r.carry = append(r.carry, rest[i+1:]...)
			b.after -= int64(len(rest) - i - 1)
			b.buf = b.buf[:0]
			return
		}
		if atEnd(err) {
			b.buf, b.last = b.buf[:0], true
			return
		}
		if err != nil {
			r.fail(b, fmt.Errorf("read %s: %w", r.file.Name(), err), 0)
			return
		}
		var n int
		n, err = readFull(r.src, b.buf[:blockSize])
		rest = b.buf[:n]
		b.after += int64(n)
	}
}

// errNoHeaderYet keeps a directory from being marked: without the header line nobody
// knows the columns of the rows that follow. A log that was truncated by another
// program than its writer stays like this, for the writer goes on where it was.
var errNoHeaderYet = errors.New("zero bytes stand where the header line belongs, and something follows them: it is sent once the header line is there")

// endBeforeHeader ends b, the first of a log whose header line has not arrived: a run
// of zero bytes begins at b.buf[at]. err is the error of the last read.
func (r *stretchReader) endBeforeHeader(b *block, at int, err error) {
	for rest := b.buf[at:]; ; {
		if bytes.Count(rest, []byte{0}) < len(rest) {
			r.fail(b, errNoHeaderYet, 0)
			return
		}
		if atEnd(err) {
			b.zeros, b.buf, b.after, b.last = true, b.buf[:0], b.base, true
			return
		}
		if err != nil {
			r.fail(b, fmt.Errorf("read %s: %w", r.file.Name(), err), 0)
			return
		}
		var n int
		n, err = readFull(r.src, b.buf[:blockSize])
		rest = b.buf[:n]
	}
}
