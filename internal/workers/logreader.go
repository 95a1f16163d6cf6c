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
	open func(from logdir.LogState, to int64) (*stretchReader, error)

	seq     int // number of blocks handed out
	stretch *stretchReader
	resume  logdir.LogState // the last stretch begins at resume.Position
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

// openLogReader returns a reader of what is new in a log since from; the zero state
// means the whole log. The reader owns f unless openLogReader returns an error.
func openLogReader(ctx context.Context, f logFile, from logdir.LogState) (*logReader, error) {
	r := &logReader{file: f.File, resume: from, oldHoles: from.Holes}
	r.open = func(from logdir.LogState, to int64) (*stretchReader, error) {
		return newStretchReader(ctx, f, from, to, r.stretch)
	}
	return r, r.openStretch()
}

// openStretch opens the next stretch.
func (r *logReader) openStretch() (err error) {
	from, to := r.resume, int64(toEnd)
	if len(r.oldHoles) > 0 {
		h := r.oldHoles[0]
		from, to = logdir.LogState{Position: h.From, Header: h.Header}, h.To
		if h.Sent.Flows > 0 {
			from.Tail = &h.Sent
		}
	}
	r.stretch, err = r.open(from, to)
	return err
}

func (r *logReader) close() error { return r.file.Close() }

// fingerprint identifies the log. It is final after the first call of next.
func (r *logReader) fingerprint() string { return r.stretch.fingerprint() }

// next fills b with the next block. The caller must not call next again after
// the last block.
func (r *logReader) next(b *block) {
	if r.err != nil {
		b.reset()
		b.seq, b.last, b.err = r.seq, true, r.err
		b.end = r.place(r.resume.Position)
		return
	}
	r.stretch.next(b)
	b.detached = b.zeros || r.stretch.seq == 1
	b.seq = r.seq
	r.seq++
	b.around.before = r.openHoles
	if len(r.oldHoles) > 0 {
		r.endInHole(b)
		return
	}
	b.end = r.place(b.after)
	if !b.zeros {
		return
	}
	switch {
	case b.last:
		b.zeroTail = true
		b.end = r.place(b.base)
	case !r.hasRoom(b.base):
		b.last, b.err = true, errManyHoles
		b.end = r.place(b.base)
	default:
		r.addHole(b.base, b.after, b.sentInZeros)
		b.end = r.place(b.after)
	}
}

// errManyHoles keeps a directory from being marked: the state has no room for
// another hole, so the rows after that hole are not read.
var errManyHoles = fmt.Errorf("more than %d ranges of zero bytes: the rows after them are sent once some ranges have been filled", logdir.MaxHoles)

// endInHole ends a block of a hole that an earlier run left.
func (r *logReader) endInHole(b *block) {
	hole := r.oldHoles[0]
	b.around.hole, b.around.after, b.around.resume = &hole, r.oldHoles[1:], &r.resume
	until := b.after // the end of b, or of the hole
	if b.last {
		until = hole.To
	}
	switch {
	case b.zeros:
		if !b.last && !r.hasRoom(b.base) { // the rest of the hole stays one hole
			b.last, until = true, hole.To
		}
		r.addHole(b.base, until, b.sentInZeros)
	case b.last && b.unterminated: // the hole ends with a newline, so the rest of this line is still missing
		whole := b.lastLine()
		b.buf, b.unterminated = b.buf[:whole], false
		r.addHole(b.base+int64(whole), hole.To, logdir.Tail{})
	}
	if !b.last || b.err != nil {
		b.end = b.around.placeAt(b.after, r.stretch.header.offset)
		// The holes before the stretch now include what b has added to openHoles.
		b.end.holes = slices.Concat(r.openHoles, b.end.holes[len(b.around.before):])
		return
	}
	b.last = false
	r.oldHoles = r.oldHoles[1:]
	b.end = r.place(r.resume.Position)
	r.err = r.openStretch()
}

// addHole adds a hole to openHoles. sent describes the row at the start of the
// hole if an earlier run sent that row.
func (r *logReader) addHole(from, to int64, sent logdir.Tail) {
	if r.joins(from) {
		r.openHoles = slices.Clone(r.openHoles)
		r.openHoles[len(r.openHoles)-1].To = to
		return
	}
	r.openHoles = append(slices.Clip(r.openHoles), logdir.Hole{From: from, To: to, Header: r.stretch.header.offset, Sent: sent})
}

// joins reports whether a hole at from continues the last open hole.
func (r *logReader) joins(from int64) bool {
	n := len(r.openHoles)
	return n > 0 && r.openHoles[n-1].To == from && r.openHoles[n-1].Header == r.stretch.header.offset
}

// hasRoom reports whether the state file has room for another hole, at from.
func (r *logReader) hasRoom(from int64) bool {
	return r.joins(from) || len(r.openHoles)+len(r.oldHoles) < logdir.MaxHoles
}

// place returns the log's place once everything that has been read is confirmed.
// position is how far the last stretch has been read.
func (r *logReader) place(position int64) place {
	return place{position: position, headerLine: r.stretch.header.offset, holes: slices.Concat(r.openHoles, r.oldHoles)}
}
