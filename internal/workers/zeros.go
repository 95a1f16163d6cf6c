package workers

import (
	"bytes"
	"fmt"
)

// Zero bytes stand where the data of a file has not arrived yet: rsync
// --preallocate, NFS, SMB and a crash leave them. They come in runs; a single
// one is a byte of a name.

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

// mayBeginLog reports whether a log may begin with text, behind which a run of
// zero bytes stands: nothing, the beginning of a header line, or more.
func mayBeginLog(text []byte) bool {
	return len(text) == 0 || bytes.IndexByte(text, '#') >= 0 || bytes.IndexByte(text, '\n') >= 0 || bytes.Contains(text, []byte("c_ip"))
}

// endAtZeros ends b in front of the line in which a run of zero bytes begins, at
// b.buf[at]. If b starts with that line, b becomes the hole: up to the end of
// the line, or of the stretch if no newline follows. err is that of the last
// read.
func (r *stretchReader) endAtZeros(b *block, at int, err error) {
	if lines := lineStart(b.buf[:at]); lines > 0 {
		r.carry = append(r.carry, b.buf[lines:]...)
		b.buf, b.after = b.buf[:lines], b.base+int64(lines)
		return
	}
	b.zeros = true
	if r.layout == nil { // the header line has not arrived
		b.buf, b.after, b.last = b.buf[:0], b.base, true
		return
	}
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
