package workers

import (
	"context"
	"fmt"
	"os"
	"slices"

	"tstat-transport/internal/logdir"
)

// logReader reads what is new in a log: first each hole that an earlier run
// left, then the stretch after the position at which that run ended. It belongs to
// the worker that has the log's turn.
type logReader struct {
	file *os.File
	// open returns a reader of the stretch from from.Position to an offset.
	open func(from logdir.LogState, to int64) (*stretchReader, error)

	seq     int // number of blocks handed out
	stretch *stretchReader
	earlier logdir.LogState // the last stretch begins at earlier.Position
	// oldHoles are holes that earlier runs left and that this run reads again. The
	// first of them is the stretch that is being read.
	oldHoles []logdir.Hole
	// openHoles are the holes in what this run has read. The slice is shared with
	// blocks, so its elements never change.
	openHoles []logdir.Hole
	err       error // why the next stretch cannot be read

	// layoutChanges counts the header lines whose columns differ from those of the header
	// line before.
	layoutChanges int
}

// openLogReader returns a reader of what is new in a log since its earlier state; the
// zero state means the whole log. The reader owns f unless openLogReader returns an
// error.
func openLogReader(ctx context.Context, f logFile, earlier logdir.LogState) (*logReader, error) {
	r := &logReader{file: f.File, earlier: earlier, oldHoles: earlier.Holes}
	r.open = func(from logdir.LogState, to int64) (*stretchReader, error) {
		return newStretchReader(ctx, f, from, to, r.stretch)
	}
	return r, r.openStretch()
}

// openStretch opens the next stretch. After an error, stretch is still the one before.
func (r *logReader) openStretch() error {
	from, to := r.earlier, int64(toEnd)
	if len(r.oldHoles) > 0 {
		h := r.oldHoles[0]
		from, to = logdir.LogState{Position: h.From, Header: h.Header, Tail: &h.Sent}, h.To
	}
	next, err := r.open(from, to)
	if err != nil {
		return err
	}
	r.stretch = next
	return nil
}

func (r *logReader) close() error { return r.file.Close() }

// fingerprint identifies the log by its start. After the first call of next, the fingerprint
// has its full length, unless that call has ended a hole: then it may cover less, but at
// least the log up to the end of that hole.
func (r *logReader) fingerprint() string { return r.stretch.fingerprint() }

// next fills b with the next block. The caller must not call next again after
// the last block.
func (r *logReader) next(b *block) {
	if r.err != nil {
		b.reset()
		b.seq, b.last, b.err = r.seq, true, r.err
		b.position, b.around.before = r.earlier.Position, slices.Concat(r.openHoles, r.oldHoles)
		return
	}
	r.stretch.next(b)
	b.detached = b.zeros || r.stretch.seq == 1 // the first block of the stretch
	b.seq = r.seq
	r.seq++
	if len(r.oldHoles) > 0 {
		r.endInHole(b)
		return
	}
	b.position = b.after
	switch {
	case !b.zeros:
	case b.last:
		b.zeroTail, b.position = true, b.base
	case !r.hasRoom(b):
		b.last, b.err, b.position = true, errManyHoles, b.base
	default:
		r.addHole(b.base, b.after, b.sentInZeros)
	}
	b.around.before = r.openHoles
}

// errManyHoles keeps a directory from being marked: the state has no room for
// another hole, so the rows after that hole are not read.
var errManyHoles = fmt.Errorf("more than %d ranges of zero bytes: the rows after them are sent once some ranges have been filled", logdir.MaxHoles)

// endInHole ends a block of a hole that an earlier run left.
func (r *logReader) endInHole(b *block) {
	hole := r.oldHoles[0]
	b.around = surroundings{before: r.openHoles, hole: &hole, after: r.oldHoles[1:], earlier: &r.earlier}
	b.position = b.after
	switch {
	case b.zeros && (b.last || !r.hasRoom(b)): // the rest of the hole stays one hole
		b.last, b.position = true, b.base
		r.addHole(b.base, hole.To, b.sentInZeros)
	case b.zeros:
		b.position = b.base
		r.addHole(b.base, b.after, b.sentInZeros)
	case b.last && b.unterminated: // the hole ends with a newline, so the rest of this line is still missing
		whole := b.lastLine()
		b.buf, b.unterminated = b.buf[:whole], false
		b.position = b.base + int64(whole)
		r.addHole(b.position, hole.To, logdir.Tail{})
	}
	if b.last && b.err == nil {
		b.last = false
		r.oldHoles = r.oldHoles[1:]
		r.err = r.openStretch()
	}
}

// addHole adds a hole to openHoles. sent describes the row at the start of the
// hole if an earlier run sent that row.
func (r *logReader) addHole(from, to int64, sent logdir.Tail) {
	if r.joins(from, sent) {
		r.openHoles = slices.Clone(r.openHoles)
		r.openHoles[len(r.openHoles)-1].To = to
		return
	}
	r.openHoles = append(slices.Clip(r.openHoles), logdir.Hole{From: from, To: to, Header: r.stretch.header.offset, Sent: sent})
}

// joins reports whether a hole at from continues the last open hole. A hole that begins with
// a sent row does not, since Hole.Sent can record only a row at the start of a hole.
func (r *logReader) joins(from int64, sent logdir.Tail) bool {
	n := len(r.openHoles)
	return n > 0 && sent == logdir.Tail{} && r.openHoles[n-1].To == from && r.openHoles[n-1].Header == r.stretch.header.offset
}

// hasRoom reports whether the state file has room for the hole b.
func (r *logReader) hasRoom(b *block) bool {
	return r.joins(b.base, b.sentInZeros) || len(r.openHoles)+len(r.oldHoles) < logdir.MaxHoles
}
