package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
)

// stretchReader hands out one stretch of a log as blocks of whole lines. A
// stretch reaches from a position up to where the log, or a hole in the log,
// ended when the log was opened.
type stretchReader struct {
	name   string // of the file
	text   *logText
	src    io.Reader // text, up to the end of the stretch
	header headerTracker
	seq    int    // number of blocks handed out
	offset int64  // of the next byte to hand out: carry[0], unless carry is empty
	carry  []byte // bytes read but not handed out yet
	// sentTail is the line at offset if an earlier run sent that line while it had
	// no newline.
	sentTail *logdir.Tail
}

// toEnd is the end of a stretch that reaches to the end of its log.
const toEnd = -1

// newStretchReader returns a reader of the stretch that begins at from.Position and ends
// at the offset to in the uncompressed log, or with the log if to is toEnd. The caller
// still owns f. A gzip log must be decompressed up to the position, which can take long;
// ctx bounds that and every later read. before is the reader of the previous stretch, nil
// if there is none. If possible, decompressing continues where before has ended.
func newStretchReader(ctx context.Context, f logFile, from logdir.LogState, to int64, before *stretchReader) (*stretchReader, error) {
	r := &stretchReader{name: f.Name(), header: headerTracker{protocol: f.log.Protocol, layouts: f.layouts}}
	var err error
	if f.log.Gzip && before != nil && before.leadsTo(from) {
		r.text, r.header = before.text, before.header
	} else if r.text, err = newLogText(ctx, f); err != nil {
		return r, err
	}
	if from.Position > 0 {
		err = r.resume(from)
	}
	r.src = r.text
	if to != toEnd {
		r.src = io.LimitReader(r.src, to-from.Position)
	}
	r.src = whileAlive(ctx, r.src)
	return r, err
}

// leadsTo reports whether the gzip log can be read on to from.Position, instead of again
// from its start. The header line in force there must be in force already, or still
// to come.
func (r *stretchReader) leadsTo(from logdir.LogState) bool {
	return r.text.offset <= from.Position && (r.header.inForce(from.Header) || r.text.offset <= from.Header)
}

// resume goes to the position at which an earlier run stopped, and reads the header line
// in force there.
func (r *stretchReader) resume(from logdir.LogState) error {
	var line []byte
	if !r.header.inForce(from.Header) {
		line = make([]byte, min(from.Position-from.Header, blockSize))
	}
	err := r.text.seek(from.Position, from.Header, line)
	if err == nil && r.text.last != '\n' {
		err = errors.New("no line begins at that byte")
	}
	if err != nil {
		return fmt.Errorf("read %s up to byte %d: %w", r.name, from.Position, err)
	}
	r.offset, r.sentTail = from.Position, from.Tail
	if r.header.inForce(from.Header) {
		return nil
	}
	if err := r.header.resume(firstLine(line), from.Header); err != nil {
		return fmt.Errorf("%s, byte %d: %w", r.name, from.Header, err)
	}
	return nil
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
func (r *stretchReader) fingerprint() string { return r.text.print.At(math.MaxInt64) }

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
		r.dropSentTail(b)
	}
	if err := r.header.find(b); err != nil {
		r.fail(b, fmt.Errorf("read header of %s: %w", r.name, err), 0)
	}
}

// fill reads a block's bytes; the last line may be incomplete. It returns the error
// of the last read.
func (r *stretchReader) fill(b *block) error {
	carried := copy(b.buf[:blockSize], r.carry)
	n, err := readFull(r.src, b.buf[carried:blockSize])
	b.buf = b.buf[:carried+n]
	r.carry = r.carry[:0]
	return err
}

// endBlock makes b end with a whole line, or with the stretch. err is the error of
// the last read.
func (r *stretchReader) endBlock(b *block, err error) {
	zeros := zeroRun(b.buf)
	if zeros >= 0 && r.header.layout == nil && !mayBeginLog(b.buf[:zeros]) {
		zeros = -1 // no log begins like this: header.find returns the error
	}
	whole := lineStart(b.buf) // length of the whole lines
	switch {
	case zeros >= 0:
		r.endAtZeros(b, zeros, err)
	case atEnd(err):
		b.last, b.unterminated = true, whole < len(b.buf)
		if b.unterminated {
			b.buf = append(b.buf, '\n')
		}
	case err != nil: // the whole lines before the error are good
		r.fail(b, fmt.Errorf("read %s: %w", r.name, err), whole)
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
	if r.header.layout == nil {
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
			r.fail(b, fmt.Errorf("read %s: %w", r.name, err), 0)
			return
		}
		var n int
		n, err = readFull(r.src, b.buf[:blockSize])
		rest = b.buf[:n]
		b.after += int64(n)
	}
}

// errNoHeaderYet keeps a directory from being marked: without the header line nobody
// knows the columns of the rows that follow. If another program has truncated the log,
// the header line never arrives: the writer continues at its old offset, so the start
// of the file remains zero bytes.
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
			r.fail(b, fmt.Errorf("read %s: %w", r.name, err), 0)
			return
		}
		var n int
		n, err = readFull(r.src, b.buf[:blockSize])
		rest = b.buf[:n]
	}
}

// readLongLine skips a line that does not fit into a block. b keeps the first
// bytes of the line.
func (r *stretchReader) readLongLine(b *block) {
	const sample = 1 << 10 // how much of the line b keeps
	scratch := b.buf[sample:blockSize]
	b.long = int64(len(b.buf))
	for {
		n, err := readFull(r.src, scratch)
		if i := bytes.IndexByte(scratch[:n], '\n'); i >= 0 {
			b.long += int64(i)
			b.after = b.base + b.long + 1
			r.carry = append(r.carry, scratch[i+1:n]...)
			b.buf = append(b.buf[:sample], '\n')
			return // the next read reports err again
		}
		b.long += int64(n)
		if atEnd(err) {
			b.after = b.base + b.long
			b.last, b.unterminated = true, true
			b.buf = append(b.buf[:sample], '\n')
			return
		}
		if err != nil {
			r.fail(b, fmt.Errorf("read %s: %w", r.name, err), 0)
			return
		}
	}
}

// dropSentTail handles the first line of b, which an earlier run sent while the line had
// no newline. It removes the line from b if the line's flows have not changed since: if
// every field that they depend on was complete at that time.
func (r *stretchReader) dropSentTail(b *block) {
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
	// What was sent may have ended inside a field. The field matters if flows use it.
	fieldEnded := len(line) == n || line[n] == ' ' || string(line[n:]) == "\r"
	if !fieldEnded && bytes.Count(line[:n], []byte(" ")) < message.Columns(r.header.layout) {
		return
	}
	b.alreadySent = &logdir.Tail{Bytes: int64(len(line)), Flows: tail.Flows, NotFinite: tail.NotFinite}
	b.stillOpen = b.unterminated && len(line)+1 == len(b.buf)
	if b.stillOpen {
		b.unterminated = false
		b.buf = b.buf[:0]
		return
	}
	b.base += int64(len(line)) + 1
	b.buf = append(b.buf[:0], b.buf[len(line)+1:]...)
}
