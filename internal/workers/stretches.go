package workers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"

	"tstat-transport/internal/logdir"
)

// stretches reads what is new in a log: each hole that an earlier run left, then
// what follows its position. It keeps account of the holes that are left.
type stretches struct {
	file *os.File
	open func(from logdir.LogState, to int64) (*logReader, error)

	seq    int
	reader *logReader      // of the stretch being read
	resume logdir.LogState // what follows its Position is the last stretch
	again  []logdir.Hole   // holes of earlier runs that are not read again yet; the first one is being read
	left   []logdir.Hole   // holes that are left in what has been read; never changed in place
	err    error           // why the next stretch cannot be read
}

// openStretches opens what is new in a log since from, the zero state meaning
// all of it. It takes ownership of file, also if it fails.
func openStretches(ctx context.Context, file *os.File, st logdir.Stat, log logdir.Log, from logdir.LogState, cache *layouts) (*stretches, error) {
	s := &stretches{file: file, resume: from, again: from.Holes}
	s.open = func(from logdir.LogState, to int64) (*logReader, error) {
		return newLogReader(ctx, file, st, log, from, to, cache)
	}
	return s, s.begin()
}

// begin opens the stretch that is next.
func (s *stretches) begin() (err error) {
	from, to := s.resume, int64(logEnd)
	if len(s.again) > 0 {
		h := s.again[0]
		from, to = logdir.LogState{Position: h.From, Header: h.Header}, h.To
		if h.Taken.Flows > 0 {
			from.Tail = &h.Taken
		}
	}
	s.reader, err = s.open(from, to)
	return err
}

func (s *stretches) close() error { return s.file.Close() }

// next fills c with the next block. After the last one it is not to be called
// again.
func (s *stretches) next(c *chunk) {
	if s.err != nil {
		c.reset()
		c.seq, c.last, c.err = s.seq, true, s.err
		c.end = s.place(s.resume.Position)
		return
	}
	s.reader.next(c)
	c.apart = c.zeros || s.reader.seq == 1
	c.seq = s.seq
	s.seq++
	c.holes = s.left
	if len(s.again) > 0 {
		s.nextInHole(c)
		return
	}
	switch {
	case c.zeros && c.last:
		c.zeroTail = true
		c.end = s.place(c.base)
		return
	case c.zeros && !s.room(c.base):
		c.last, c.err = true, errManyHoles
		c.end = s.place(c.base)
		return
	case c.zeros:
		s.add(c.base, c.after, c.taken)
	}
	c.end = s.place(c.after)
}

// errManyHoles keeps a directory from being marked: whole rows may stand behind
// the hole that the state has no room for.
var errManyHoles = fmt.Errorf("more than %d ranges of zero bytes: what stands behind them is sent when some have been filled", logdir.MaxHoles)

// nextInHole accounts for a block of a hole that an earlier run left.
func (s *stretches) nextInHole(c *chunk) {
	hole := s.again[0]
	c.hole, c.rest, c.resume = &hole, s.again[1:], &s.resume
	done := c.after
	if c.last {
		done = hole.To
	}
	switch {
	case c.zeros:
		if !c.last && !s.room(c.base) {
			c.last, done = true, hole.To
		}
		s.add(c.base, done, c.taken)
	case c.last && c.tail: // a hole ends with a newline: more of it is to come
		whole := bytes.LastIndexByte(c.buf[:len(c.buf)-1], '\n') + 1
		c.buf, c.tail = c.buf[:whole], false
		s.add(c.base+int64(whole), hole.To, logdir.Tail{})
	}
	if !c.last || c.err != nil {
		c.end = c.placeAt(c.after, s.reader.header)
		c.end.holes = slices.Concat(s.left, c.end.holes[len(c.holes):])
		return
	}
	c.last = false
	s.again = s.again[1:]
	c.end = s.place(s.resume.Position)
	s.err = s.begin()
}

// add notes a hole that is left. taken is the row that was taken at its start.
func (s *stretches) add(from, to int64, taken logdir.Tail) {
	if s.joins(from) {
		s.left = slices.Clone(s.left)
		s.left[len(s.left)-1].To = to
		return
	}
	s.left = append(slices.Clip(s.left), logdir.Hole{From: from, To: to, Header: s.reader.header, Taken: taken})
}

// joins reports whether a hole at from continues the last one that is left.
func (s *stretches) joins(from int64) bool {
	n := len(s.left)
	return n > 0 && s.left[n-1].To == from && s.left[n-1].Header == s.reader.header
}

// room reports whether the state holds one more hole, at from.
func (s *stretches) room(from int64) bool {
	return s.joins(from) || len(s.left)+len(s.again) < logdir.MaxHoles
}

// place is where a log stands when all that has been read is confirmed: position
// is how far the last stretch has been read.
func (s *stretches) place(position int64) place {
	return place{position: position, header: s.reader.header, holes: slices.Concat(s.left, s.again)}
}

// place is how far a log has come: all rows before position are confirmed, but
// for those that may appear in the holes.
type place struct {
	position int64
	header   int64 // offset of the header line in force at position
	holes    []logdir.Hole
}

// placeAt is where the log stands when the rows before the offset to, which is in
// the block c, are confirmed. header is that of the header line in force there.
func (c *chunk) placeAt(to, header int64) place {
	if c.hole == nil {
		return place{position: to, header: header, holes: c.holes}
	}
	rest := make([]logdir.Hole, 0, len(c.holes)+1+len(c.rest))
	rest = append(rest, c.holes...)
	if to < c.hole.To {
		rest = append(rest, logdir.Hole{From: to, To: c.hole.To, Header: header})
	}
	return place{position: c.resume.Position, header: c.resume.Header, holes: append(rest, c.rest...)}
}
