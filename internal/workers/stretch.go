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

// stretchReader hands out one stretch of a log as blocks of whole lines. A stretch is
// either a hole that an earlier run left, or reaches from a position to where the log
// ended when it was opened.
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
	if f.log.Gzip && before != nil && before.canReach(from) {
		r.text, r.header = before.text, before.header
	} else if r.text, err = newLogText(ctx, f); err != nil {
		return nil, err
	}
	if from.Position > 0 {
		if err := r.skipTo(from); err != nil {
			return nil, err
		}
	}
	r.src = r.text
	if to != toEnd {
		r.src = io.LimitReader(r.src, to-from.Position)
	}
	r.src = whileAlive(ctx, r.src)
	return r, nil
}

// canReach reports whether the reader of a gzip log can read on to from.Position. The
// reader cannot go back, so the header line in force at from.Position must be in force
// now or be ahead.
func (r *stretchReader) canReach(from logdir.LogState) bool {
	return r.text.offset <= from.Position && (r.header.inForce(from.Header) || r.text.offset <= from.Header)
}

// skipTo goes to from.Position, and makes the header line at from.Header the one in force.
func (r *stretchReader) skipTo(from logdir.LogState) error {
	if !r.header.inForce(from.Header) {
		line := make([]byte, min(from.Position-from.Header, blockSize))
		if err := r.text.readAt(line, from.Header); err != nil {
			return r.skipError(from, err)
		}
		if err := r.header.set(firstLine(line), from.Header); err != nil {
			return otherLogError{fmt.Errorf("%s, byte %d: %w", r.name, from.Header, err)}
		}
	}
	err := r.text.skipTo(from.Position)
	if err == nil && r.text.last != '\n' {
		err = otherLogError{errors.New("no line begins at that byte")}
	}
	if err != nil {
		return r.skipError(from, err)
	}
	r.offset = from.Position
	if from.Tail != nil && from.Tail.Flows > 0 {
		r.sentTail = from.Tail
	}
	return nil
}

func (r *stretchReader) skipError(from logdir.LogState, err error) error {
	return fmt.Errorf("read %s up to byte %d: %w", r.name, from.Position, err)
}

// otherLogError means that a log does not have the lines that its earlier state needs.
type otherLogError struct{ error }

// isOtherLog reports whether err, an error of newStretchReader, means that the earlier state is
// of another log: the log is shorter than the state says, or has other lines. Any other error
// means that the log is damaged or cannot be read. The rows before the damage are then
// confirmed, so sending the log from its start would only repeat them.
func isOtherLog(err error) bool {
	_, ok := errors.AsType[otherLogError](err)
	return ok || atEnd(err)
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// lineStart returns the offset of the last line of b. If b ends with a newline,
// the last line is empty.
func lineStart(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }

// fingerprint identifies the log by the start of what has been read of it so far.
func (r *stretchReader) fingerprint() string { return r.text.fingerprint.At(math.MaxInt64) }

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
	n, err := io.ReadFull(r.src, b.buf[carried:blockSize])
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
		r.failRead(b, err, whole)
	case whole == 0:
		r.skipLongLine(b)
	default:
		r.carryFrom(b, whole)
	}
}

// carryFrom makes b end before b.buf[whole], and keeps the rest for the next block.
func (r *stretchReader) carryFrom(b *block, whole int) {
	r.carry = append(r.carry, b.buf[whole:]...)
	b.buf, b.after = b.buf[:whole], b.base+int64(whole)
}

// fail makes b the log's last block, of which only the first n bytes are good.
func (r *stretchReader) fail(b *block, err error, n int) {
	b.buf = b.buf[:n]
	b.after = b.base + int64(n)
	b.last, b.unterminated, b.err = true, false, err
}

// failRead is fail for an error of reading the log.
func (r *stretchReader) failRead(b *block, err error, n int) {
	r.fail(b, fmt.Errorf("read %s: %w", r.name, err), n)
}

// atEnd reports whether err is the end of a log. A gzip log can end anywhere in
// its compressed data.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// endAtZeros ends b before the line that holds a run of zero bytes, which begins at
// b.buf[at]. If that line is the first of b, b becomes the hole. The hole reaches
// to the end of the line, or to the end of the stretch if no newline follows. err
// is the error of the last read.
func (r *stretchReader) endAtZeros(b *block, at int, err error) {
	if whole := lineStart(b.buf[:at]); whole > 0 {
		r.carryFrom(b, whole)
		return
	}
	if r.header.layout == nil {
		r.endBeforeHeader(b, at, err)
		return
	}
	length, err := r.skipLine(b.buf, b.buf[:blockSize], err)
	if err != nil && !atEnd(err) {
		r.failRead(b, err, 0)
		return
	}
	b.zeros, b.buf, b.after, b.last = true, b.buf[:0], b.base+length, err != nil
}

// skipLine reads a line to its end, and returns its length with the newline. start is what
// has been read of the line so far, and err the error of that read. The bytes after the
// newline are kept for the next block. If no newline is found, skipLine returns the
// error that ended the search. scratch is a buffer, and may share memory with start.
func (r *stretchReader) skipLine(start, scratch []byte, err error) (length int64, _ error) {
	for read := start; ; {
		if i := bytes.IndexByte(read, '\n'); i >= 0 {
			r.carry = append(r.carry, read[i+1:]...)
			return length + int64(i) + 1, nil // the next read returns err again
		}
		length += int64(len(read))
		if err != nil {
			return length, err
		}
		var n int
		n, err = io.ReadFull(r.src, scratch)
		read = scratch[:n]
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
	read := b.buf[at:]
	for err == nil && onlyZeros(read) {
		var n int
		n, err = io.ReadFull(r.src, b.buf[:blockSize])
		read = b.buf[:n]
	}
	switch {
	case !onlyZeros(read):
		r.fail(b, errNoHeaderYet, 0)
	case atEnd(err):
		b.zeros, b.buf, b.after, b.last = true, b.buf[:0], b.base, true
	default:
		r.failRead(b, err, 0)
	}
}

// skipLongLine skips a line that does not fit into a block. b keeps the first
// bytes of the line.
func (r *stretchReader) skipLongLine(b *block) {
	const sample = 1 << 10 // how much of the line b keeps
	length, err := r.skipLine(b.buf[sample:], b.buf[sample:blockSize], nil)
	length += sample
	b.long, b.after = length, b.base+length
	b.buf = append(b.buf[:sample], '\n')
	switch {
	case err == nil:
		b.long-- // the newline
	case atEnd(err):
		b.last, b.unterminated = true, true
	default:
		r.failRead(b, err, 0)
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
	case b.long > 0 || len(b.buf) == 0:
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
