package workers

import (
	"context"
	"fmt"
	"os"
	"slices"

	"tstat-transport/internal/logdir"
)

// logReader reads what is new in a log: first each hole that an earlier run
// left, then the stretch behind the position of that run. It belongs to the
// worker that has the log's turn.
type logReader struct {
	file *os.File
	open func(from logdir.LogState, to int64) (*stretchReader, error)

	seq     int // number of blocks handed out
	stretch *stretchReader
	resume  logdir.LogState // the last stretch begins at its Position
	holes   []logdir.Hole   // of earlier runs, to be read again; the first one is being read
	left    []logdir.Hole   // in what has been read; never changed in place
	err     error           // why the next stretch cannot be read

	// layoutChanges counts the header lines with other columns than before.
	layoutChanges int
}

// openLogReader opens what is new in a log since from; the zero state means the
// whole log. It takes ownership of file, also if it fails.
func openLogReader(ctx context.Context, file *os.File, st logdir.Stat, log logdir.Log, from logdir.LogState, l *layouts) (*logReader, error) {
	r := &logReader{file: file, resume: from, holes: from.Holes}
	r.open = func(from logdir.LogState, to int64) (*stretchReader, error) {
		return newStretchReader(ctx, file, st, log, from, to, l)
	}
	return r, r.openStretch()
}

// openStretch opens the next stretch.
func (r *logReader) openStretch() (err error) {
	from, to := r.resume, int64(toEnd)
	if len(r.holes) > 0 {
		h := r.holes[0]
		from, to = logdir.LogState{Position: h.From, Header: h.Header}, h.To
		if h.Taken.Flows > 0 {
			from.Tail = &h.Taken
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
	b.around.before = r.left
	if len(r.holes) > 0 {
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
		r.leave(b.base, b.after, b.sentInZeros)
		b.end = r.place(b.after)
	}
}

// errManyHoles keeps a directory from being marked: whole rows may stand behind
// the hole that the state has no room for.
var errManyHoles = fmt.Errorf("more than %d ranges of zero bytes: what stands behind them is sent when some have been filled", logdir.MaxHoles)

// endInHole ends a block of a hole that an earlier run left.
func (r *logReader) endInHole(b *block) {
	hole := r.holes[0]
	b.around.hole, b.around.behind, b.around.resume = &hole, r.holes[1:], &r.resume
	done := b.after
	if b.last {
		done = hole.To
	}
	switch {
	case b.zeros:
		if !b.last && !r.hasRoom(b.base) {
			b.last, done = true, hole.To
		}
		r.leave(b.base, done, b.sentInZeros)
	case b.last && b.unterminated: // a hole ends with a newline, so more of this line is to come
		whole := b.lastLine()
		b.buf, b.unterminated = b.buf[:whole], false
		r.leave(b.base+int64(whole), hole.To, logdir.Tail{})
	}
	if !b.last || b.err != nil {
		b.end = b.around.placeAt(b.after, r.stretch.headerLine)
		b.end.holes = slices.Concat(r.left, b.end.holes[len(b.around.before):])
		return
	}
	b.last = false
	r.holes = r.holes[1:]
	b.end = r.place(r.resume.Position)
	r.err = r.openStretch()
}

// leave enters a hole that is left. sent is the row at its start, if an earlier
// run sent that row.
func (r *logReader) leave(from, to int64, sent logdir.Tail) {
	if r.joins(from) {
		r.left = slices.Clone(r.left)
		r.left[len(r.left)-1].To = to
		return
	}
	r.left = append(slices.Clip(r.left), logdir.Hole{From: from, To: to, Header: r.stretch.headerLine, Taken: sent})
}

// joins reports whether a hole at from continues the last one that is left.
func (r *logReader) joins(from int64) bool {
	n := len(r.left)
	return n > 0 && r.left[n-1].To == from && r.left[n-1].Header == r.stretch.headerLine
}

// hasRoom reports whether the state can hold a hole at from as well.
func (r *logReader) hasRoom(from int64) bool {
	return r.joins(from) || len(r.left)+len(r.holes) < logdir.MaxHoles
}

// place returns where the log stands once everything that has been read is
// confirmed. position is how far the last stretch has been read.
func (r *logReader) place(position int64) place {
	return place{position: position, headerLine: r.stretch.headerLine, holes: slices.Concat(r.left, r.holes)}
}
