package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"tstat-transport/internal/logdir"
)

// errStopped ends the logs that were not read to their end when the run was
// told to stop, or stopped for a failure of the transport.
var errStopped = errors.New("the run stopped before all of it was read")

// dirWork is a directory in work, and its ledger.
type dirWork struct {
	dir   *logdir.Dir
	order int // place among the directories of the run

	mu sync.Mutex
	// holds counts the logs that are not read to their end and the messages
	// that are not settled. Zero means that nothing more will happen.
	holds    int
	messages int   // in all
	err      error // the first failure; the directory is not marked then
	logs     []*logWork
	// done holds the logs that are as they were marked.
	done   map[string]logdir.LogState
	marked logdir.Mark // of an earlier run; the zero Mark if there is none
	dirty  bool        // confirmed progress is not in .processing yet

	beginning sync.Once
	began     error // why .processing could not be written before the first message

	writing sync.Mutex // of the state files
	closed  bool       // guarded by writing
}

// hold enters a message before it is sent.
func (d *dirWork) hold(m *outgoing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds++
	d.messages++
	m.log.waiting = append(m.log.waiting, m)
}

// begin writes .processing before the directory's first message is published,
// and returns the same error for each message. Without a place for the state,
// every later run would send everything again.
func (d *dirWork) begin(p *pipeline) error {
	d.beginning.Do(func() {
		d.writing.Lock()
		defer d.writing.Unlock()
		s, _, _ := d.state()
		s.Version = p.Version
		err := d.dir.WriteProcessing(s)
		if err == nil {
			return
		}
		if d.began = d.dir.StillThere(); errors.Is(d.began, logdir.ErrVanished) {
			return
		}
		d.began = fmt.Errorf("nothing of it is sent, since its state cannot be written: %w", err)
		p.ioError("directory_not_writable", "directory", d.dir.Path(), d.began)
	})
	return d.began
}

// settle enters what became of a message; a failed one stands in the way of
// all behind it in its log.
func (p *pipeline) settle(m *outgoing, err error) {
	l, d := m.log, m.log.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	body := m.Body
	p.bodies.Put(&body)
	m.Body = nil
	if err != nil {
		d.fail(err)
	} else {
		m.settled = true
		n := 0
		for n < len(l.waiting) && l.waiting[n].settled {
			l.confirmed = l.waiting[n].after
			n++
		}
		if n > 0 {
			d.dirty = true
			l.waiting = append(l.waiting[:0], l.waiting[n:]...)
		}
	}
	d.release(p)
}

// ended enters that a log will yield no more messages, because it was read to
// its end, or could not be.
func (d *dirWork) ended(p *pipeline, l *logWork, end *ending, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.end = end
	if err != nil {
		d.fail(err)
	}
	d.release(p)
}

// fail notes the first failure. d.mu is held.
func (d *dirWork) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// release gives up one hold. d.mu is held.
func (d *dirWork) release(p *pipeline) {
	d.holds--
	if d.holds < 0 {
		panic("BUG: directory released more often than held: " + d.dir.Path())
	}
	if d.holds == 0 {
		p.finished <- d
	}
}

// state is what may be promised: of each log all that is confirmed without a
// gap. complete tells whether that is all there is, dirty whether it is more
// than was written before.
func (d *dirWork) state() (s logdir.State, complete, dirty bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Logs = make(map[string]logdir.LogState, len(d.logs)+len(d.done))
	maps.Copy(s.Logs, d.done)
	for _, l := range d.logs {
		if ls := l.state(); ls.Fingerprint != "" {
			s.Logs[l.log.Name] = ls
		}
	}
	dirty, d.dirty = d.dirty, false
	return s, d.err == nil && d.holds == 0, dirty
}

// state is the log's part of it, without a fingerprint where there is nothing
// to say. dir.mu is held.
func (l *logWork) state() logdir.LogState {
	at, read := l.confirmed, l.confirmed.position
	var tail *logdir.Tail
	incomplete, zeroTail := false, false
	switch {
	case l.end != nil && len(l.waiting) == 0:
		at, read, tail, incomplete, zeroTail = l.end.progress, l.end.read, l.end.tail, l.end.incomplete, l.end.zeroTail
	case at.position == l.before.Position && slices.Equal(at.holes, l.before.Holes):
		return l.before
	case at.position == l.before.Position: // only holes have been read
		read, tail, incomplete, zeroTail = l.before.End, l.before.Tail, l.before.Incomplete > 0, l.before.ZeroTail
	}
	b := at.books
	if tail != nil {
		b.add(tailBooks(*tail))
	}
	s := logdir.LogState{
		Position: at.position, End: read, Header: at.header, Line: at.books.lines,
		Holes: at.holes, ZeroTail: zeroTail, Tail: tail, Fingerprint: l.fingerprint, Gzip: l.log.Gzip,
		Rows: b.rows(), Below: b.below, Malformed: b.malformed, Flows: b.flows,
	}
	if incomplete {
		s.Incomplete = 1
	}
	s.SetStat(l.stat)
	return s
}

// bytes is how much of the directory's logs this run has read, and how much of
// that is confirmed without a gap. No worker may be at work on them any more.
func (d *dirWork) bytes() (read, confirmed int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.logs {
		read += l.at.position - l.before.Position
		confirmed += l.state().Position - l.before.Position
	}
	return read, confirmed
}

// tailBooks is what a last line without newline that was taken adds.
func tailBooks(t logdir.Tail) books {
	if t.Flows == 0 {
		return books{lines: 1, below: 1}
	}
	return books{lines: 1, sent: 1, flows: int64(t.Flows)}
}

// resumed is the progress that a state stands for.
func resumed(s logdir.LogState) progress {
	b := books{lines: s.Line, below: s.Below, malformed: s.Malformed, flows: s.Flows}
	b.sent = s.Rows - s.Below - s.Malformed
	if s.Tail != nil {
		t := tailBooks(*s.Tail)
		t.lines = 0 // Line does not count it
		b.sub(t)
	}
	return progress{place{s.Position, s.Header, s.Holes}, b}
}

// write writes the state file of a directory of which nothing more is to come:
// .processed where everything is confirmed, else .processing.
func (d *dirWork) write(p *pipeline) error { return d.save(p, true) }

// writeProgress brings .processing up to date. It never marks: everything may
// be confirmed meanwhile, but the transport has not finished the directory.
func (d *dirWork) writeProgress(p *pipeline) error { return d.save(p, false) }

func (d *dirWork) save(p *pipeline, final bool) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.closed || !p.Mark {
		return nil
	}
	s, complete, dirty := d.state()
	if p.Rejects != nil && (complete && final || dirty) {
		if err := p.Rejects.Sync(); err != nil {
			p.ioError("reject_not_written", "directory", d.dir.Path(), err)
		}
	}
	s.Version = p.Version
	switch {
	case complete && final:
		if err := d.dir.WriteProcessed(s); err != nil {
			// What is confirmed need not be sent again.
			return errors.Join(err, d.dir.WriteProcessing(s))
		}
		if d.nothingNew(s) {
			return d.dir.SetMarked(d.marked.Time)
		}
		return nil
	case dirty:
		err := d.dir.WriteProcessing(s)
		if err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.dirty = true
		}
		return err
	}
	return nil
}

// nothingNew reports whether s says what the mark of an earlier run said: the
// logs were touched and hold nothing new, and the culler goes on counting from
// that mark. Zero bytes may be filled at any time, so there a touch counts.
func (d *dirWork) nothingNew(s logdir.State) bool {
	if d.marked.Time.IsZero() {
		return false
	}
	for name, ls := range s.Logs {
		if before, ok := d.marked.State.Logs[name]; !ok || !ls.SameProgress(before) || ls.HasZeros() {
			return false
		}
	}
	return true
}

// unfinished tells whether there is progress that .processing does not hold.
func (d *dirWork) unfinished() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dirty && d.holds > 0
}

// gone tells whether an error means that Tstat, or the culler, has deleted the
// directory meanwhile. Of one that is closed all has been told.
func (d *dirWork) gone(err error) bool {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.closed {
		return true
	}
	return errors.Is(err, fs.ErrNotExist) && errors.Is(d.dir.StillThere(), logdir.ErrVanished)
}

func (d *dirWork) close() {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.closed = true
	_ = d.dir.Close()
}
