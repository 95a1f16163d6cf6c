package workers

import (
	"errors"
	"maps"
	"sync"

	"tstat-transport/internal/logdir"
)

// errStopped is the outcome of what a run did not come to: it was told to stop, or
// stopped because the transport failed.
var errStopped = errors.New("the run stopped before all of it was sent")

// dirWork is a directory in work. Its own fields do not change once its logs are
// open; its ledger and its state files have a mutex each.
type dirWork struct {
	p      *pipeline
	dir    *logdir.Dir
	order  int         // place among the directories of the run
	marked logdir.Mark // of an earlier run; the zero Mark if there is none
	logs   []*logWork  // that have something new
	// unchanged holds what the state files say of the other logs.
	unchanged map[string]logdir.LogState

	ledger ledger
	states stateFiles
}

// ledger is the account of a directory in work.
type ledger struct {
	mu sync.Mutex
	// holds counts the logs that are not read to their end and the messages whose
	// outcome is open. At zero nothing more will happen.
	holds    int
	messages int   // in all
	err      error // the first failure; the directory is not marked then
	// unsaved: some progress that is confirmed is not in .processing yet.
	unsaved bool
}

// logLedger is the account of a log in work. The mutex of the directory's ledger
// guards it.
type logLedger struct {
	fingerprint string
	read        int64 // position up to which the log was read; set when it has ended
	confirmed   progress
	end         *logEnd     // nil before the end, and if the log could not be read to its end
	waiting     []*outgoing // messages whose outcome is open, or that wait for those, in order
}

// logEnd is how a log ends that was read to its end. A last line without newline
// is not counted in its progress.
type logEnd struct {
	progress
	read       int64 // offset behind everything that was read
	tail       *logdir.Tail
	incomplete bool // the last line is no row yet
	zeroTail   bool // zero bytes follow
}

// newDirWork returns a directory with one hold, that of the reader.
func newDirWork(p *pipeline, dir *logdir.Dir, order int) *dirWork {
	return &dirWork{
		p: p, dir: dir, order: order, unchanged: make(map[string]logdir.LogState),
		ledger: ledger{holds: 1},
	}
}

// addLog adds a log, with a hold of its own, before the directory is shared.
func (d *dirWork) addLog(l *logWork) {
	ids := idPrefix(d.p.Settings.Sensor + "/" + d.p.instance(d.dir.Root) + "/" + d.dir.Rel + "/" + l.log.Name)
	l.batch = newBatch(l, ids)
	l.ledger.confirmed = resumed(l.before)
	d.logs = append(d.logs, l)
	d.ledger.holds++
}

func (d *dirWork) setFingerprint(l *logWork, fingerprint string) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	l.ledger.fingerprint = fingerprint
}

// holdMessage enters a message before it is sent.
func (d *dirWork) holdMessage(m *outgoing) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.ledger.holds++
	d.ledger.messages++
	m.log.ledger.waiting = append(m.log.ledger.waiting, m)
}

// recordOutcome records a message's outcome. A failed message blocks the
// confirmed position of its log.
func (p *pipeline) recordOutcome(m *outgoing, err error) {
	p.bodies.put(m.Body)
	m.Body = nil
	d, l := m.log.dir, &m.log.ledger
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	if err != nil {
		d.failLocked(err)
	} else {
		m.confirmed = true
		n := 0
		for n < len(l.waiting) && l.waiting[n].confirmed {
			l.confirmed = l.waiting[n].after
			n++
		}
		if n > 0 {
			d.ledger.unsaved = true
			l.waiting = append(l.waiting[:0], l.waiting[n:]...)
		}
	}
	d.releaseHoldLocked()
}

// endLog records that l will yield no more messages: it was read to its end, or
// err says why not. read is the position up to which it was read.
func (d *dirWork) endLog(l *logWork, read int64, end *logEnd, err error) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	l.ledger.read, l.ledger.end = read, end
	if err != nil {
		d.failLocked(err)
	}
	d.releaseHoldLocked()
}

// fail records a failure that keeps the directory from being marked.
func (d *dirWork) fail(err error) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.failLocked(err)
}

func (d *dirWork) failLocked(err error) {
	if d.ledger.err == nil {
		d.ledger.err = err
	}
}

// failure returns the first failure.
func (d *dirWork) failure() error {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	return d.ledger.err
}

func (d *dirWork) releaseHold() {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.releaseHoldLocked()
}

// releaseHoldLocked releases one hold, and finishes the directory with the last.
func (d *dirWork) releaseHoldLocked() {
	d.ledger.holds--
	if d.ledger.holds < 0 {
		panic("BUG: directory released more often than held: " + d.dir.Path())
	}
	if d.ledger.holds == 0 {
		d.p.finished <- d // does not block, see pipeline
	}
}

// state returns what a state file may promise: of each log everything that is
// confirmed without a gap. complete reports whether that is everything there is,
// unsaved whether it is more than the last state had.
func (d *dirWork) state() (s logdir.State, complete, unsaved bool) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	s.Version = d.p.Version
	s.Logs = make(map[string]logdir.LogState, len(d.logs)+len(d.unchanged))
	maps.Copy(s.Logs, d.unchanged)
	for _, l := range d.logs {
		if state := l.stateLocked(); state.Fingerprint != "" {
			s.Logs[l.log.Name] = state
		}
	}
	unsaved, d.ledger.unsaved = d.ledger.unsaved, false
	return s, d.ledger.err == nil && d.ledger.holds == 0, unsaved
}

// setUnsaved takes back that state reported unsaved progress, which could not be
// written.
func (d *dirWork) setUnsaved() {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.ledger.unsaved = true
}

// hasUnsaved reports whether a directory that is not finished has progress that
// .processing does not hold.
func (d *dirWork) hasUnsaved() bool {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	return d.ledger.unsaved && d.ledger.holds > 0
}

// stateLocked returns the log's part of the state. It has no fingerprint if there
// is nothing to say.
func (l *logWork) stateLocked() logdir.LogState {
	at := l.ledger.confirmed
	end := logEnd{progress: at, read: at.position}
	switch {
	case l.ledger.end != nil && len(l.ledger.waiting) == 0:
		end = *l.ledger.end
	case at.same(&l.before):
		return l.before
	case at.position == l.before.Position: // only holes have been read
		end.read, end.tail, end.zeroTail = l.before.End, l.before.Tail, l.before.ZeroTail
		end.incomplete = l.before.Incomplete > 0
	}
	books := end.books
	if end.tail != nil {
		books.add(tailBooks(*end.tail))
	}
	s := logdir.LogState{
		Position: end.position, End: end.read, Header: end.headerLine, Line: end.books.lines,
		Holes: end.holes, ZeroTail: end.zeroTail, Tail: end.tail,
		Fingerprint: l.ledger.fingerprint,
		Rows:        books.rows(), Below: books.below, Malformed: books.malformed, Flows: books.flows,
	}
	if end.incomplete {
		s.Incomplete = 1
	}
	s.SetFile(l.log, l.stat)
	return s
}

// bytes returns how much of the directory's logs this run has read, and how much
// of that is confirmed without a gap.
func (d *dirWork) bytes() (read, confirmed int64) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	for _, l := range d.logs {
		read += l.ledger.read - l.before.Position
		confirmed += l.stateLocked().Position - l.before.Position
	}
	return read, confirmed
}
