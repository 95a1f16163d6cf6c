package workers

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"tstat-transport/internal/logdir"
)

// errStopped is the outcome of messages and logs that a run has not sent because it
// was told to stop, or because the transport failed.
var errStopped = errors.New("the run stopped before all of it was sent")

// dirWork is a directory in work. The fields of the first group do not change once
// the logs are open; ledger and states each have a mutex.
type dirWork struct {
	p      *pipeline
	disk   *logdir.Dir
	order  int           // index in scheduler.entries
	entry  *logdir.Entry // the element of scheduler.entries at order, for the journal
	marked logdir.Mark   // the mark of an earlier run; the zero Mark if there is none
	// unfinished is the content of .processing, which an earlier run left.
	unfinished logdir.State
	logs       []*logWork // the logs that have something new
	// unchanged holds the recorded states of the other logs.
	unchanged map[string]logdir.LogState

	ledger ledger
	states stateFiles
}

// ledger is the account of a directory in work.
type ledger struct {
	mu sync.Mutex
	// holds counts the logs that have not ended and the messages without an outcome, and
	// begins with the hold of newDirWork. When holds falls to zero, the directory is
	// finished.
	holds    int
	messages int   // number of messages so far
	err      error // the first failure; a directory with a failure is not marked
	// unconfirmed reports that a part of a log is not confirmed, other than a part that
	// cannot be read.
	unconfirmed bool
	// confirmed reports that a message of the directory was confirmed in this run.
	confirmed bool
	// unsaved reports that .processing lacks confirmed progress, or the end of a log.
	unsaved bool
}

// logLedger is the account of a log in work. The mutex of the directory's ledger
// guards it.
type logLedger struct {
	fingerprint string
	read        int64 // position up to which the log was read; set when the log has ended
	confirmed   progress
	end         *logEnd     // nil before the end, and if the log could not be read to its end
	window      []*outgoing // the first message that is not confirmed, and all messages after it
}

// logEnd is the end of a log that was read to its end. progress does not count a
// last line without newline.
type logEnd struct {
	progress
	after      int64        // offset after the last byte that was read
	tail       *logdir.Tail // the last line, if it has no newline and was taken as a row
	incomplete bool         // the last line is not a row yet
	zeroTail   bool         // the log ends with zero bytes
}

// newDirWork returns a directory with one hold, which open releases when all logs
// have been added.
func newDirWork(p *pipeline, dir *logdir.Dir, order int, entry *logdir.Entry) *dirWork {
	return &dirWork{
		p: p, disk: dir, order: order, entry: entry, unchanged: make(map[string]logdir.LogState),
		ledger: ledger{holds: 1},
	}
}

// addLog adds a log, with a hold of its own. The directory must not be shared with
// other goroutines yet.
func (d *dirWork) addLog(l *logWork) {
	ids := idPrefix(d.p.Settings.Sensor + "/" + d.p.instance(d.disk.Root) + "/" + d.disk.Rel + "/" + l.log.Name)
	l.batch = newBatch(l, ids)
	l.ledger.confirmed = progressOf(l.earlier)
	d.logs = append(d.logs, l)
	d.ledger.holds++
}

func (d *dirWork) setFingerprint(l *logWork, fingerprint string) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	l.ledger.fingerprint = fingerprint
}

// holdMessage adds a message that is about to be sent.
func (d *dirWork) holdMessage(m *outgoing) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.ledger.holds++
	d.ledger.messages++
	m.log.ledger.window = append(m.log.ledger.window, m)
}

// recordOutcome records a message's outcome. A failed message blocks the
// confirmed position of its log.
func (p *pipeline) recordOutcome(m *outgoing, err error) {
	p.bodies.put(m.Body)
	m.Body = nil
	d := m.log.dir
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	if err != nil {
		d.ledger.unconfirmed = true
		d.failLocked(err)
	} else {
		m.log.confirmLocked(m)
	}
	d.releaseHoldLocked()
}

// confirmLocked records that m is confirmed. The log's confirmed progress then reaches
// up to its first message that is not confirmed.
func (l *logWork) confirmLocked(m *outgoing) {
	m.confirmed, l.dir.ledger.confirmed = true, true
	window := l.ledger.window
	n := 0
	for n < len(window) && window[n].confirmed {
		n++
	}
	if n == 0 {
		return
	}
	l.ledger.confirmed = window[n-1].progress
	l.ledger.window = slices.Delete(window, 0, n)
	l.dir.ledger.unsaved = true
}

// endLog records that l will yield no more messages. read is the position up to which l
// was read. If l was not read to its end, end is nil and err says why.
func (d *dirWork) endLog(l *logWork, read int64, end *logEnd, err error) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	l.ledger.read, l.ledger.end = read, end
	if end != nil && d.ledger.confirmed { // else begin may not have written .processing yet
		d.ledger.unsaved = true
	}
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

// failTransport records a failure of the transport.
func (d *dirWork) failTransport(err error) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.ledger.unconfirmed = true
	d.failLocked(err)
}

// unconfirmed reports whether a part of the directory is not confirmed, other than logs
// that cannot be read.
func (d *dirWork) unconfirmed() bool {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	return d.ledger.unconfirmed
}

func (d *dirWork) failLocked(err error) {
	if errors.Is(err, errStopped) { // a log is not read to its end
		d.ledger.unconfirmed = true
	}
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

// releaseHoldLocked releases one hold. With the last hold it hands the directory to
// the markers.
func (d *dirWork) releaseHoldLocked() {
	d.ledger.holds--
	if d.ledger.holds < 0 {
		panic("BUG: directory released more often than held: " + d.disk.Path())
	}
	if d.ledger.holds == 0 {
		d.p.finished <- d // does not block, see pipeline
	}
}

// stateToSave returns the directory's state: for each log, the progress that is confirmed
// without a gap. complete reports whether everything in the directory is confirmed.
// unsaved is ledger.unsaved, which stateToSave clears: the caller is about to write s.
func (d *dirWork) stateToSave() (s logdir.State, complete, unsaved bool) {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	s = d.newState()
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

// newState returns a state without logs.
func (d *dirWork) newState() logdir.State {
	return logdir.State{Version: d.p.Version, Privacy: d.p.Settings.Privacy.String()}
}

// setUnsaved makes the next call of stateToSave report unsaved progress again, after a
// state could not be written.
func (d *dirWork) setUnsaved() {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	d.ledger.unsaved = true
}

// hasUnsaved reports whether a directory that is not finished has progress that
// .processing lacks.
func (d *dirWork) hasUnsaved() bool {
	d.ledger.mu.Lock()
	defer d.ledger.mu.Unlock()
	return d.ledger.unsaved && d.ledger.holds > 0
}

// stateLocked returns the log's part of the directory's state. It is the zero state,
// without a fingerprint, if this run sends the whole log and has confirmed nothing of it.
func (l *logWork) stateLocked() logdir.LogState {
	at := l.ledger.confirmed
	end := logEnd{progress: at, after: at.position}
	switch {
	case l.ledger.end != nil && len(l.ledger.window) == 0:
		end = *l.ledger.end
	case at.position == l.earlier.Position && slices.Equal(at.holes, l.earlier.Holes): // nothing new is confirmed
		return l.earlier
	case at.position == l.earlier.Position: // only rows in holes are confirmed: the log ends as before
		end.after, end.tail, end.zeroTail = l.earlier.End, l.earlier.Tail, l.earlier.ZeroTail
		end.incomplete = l.earlier.Incomplete > 0
	}
	books := end.books
	if end.tail != nil {
		books.add(tailBooks(*end.tail))
	}
	s := logdir.LogState{
		Position: end.position, End: end.after, Header: end.headerLine, Line: end.books.lines,
		Holes: end.holes, ZeroTail: end.zeroTail, Tail: end.tail,
		Fingerprint: l.ledger.fingerprint,
		Rows:        books.rows(), Below: books.below, Malformed: books.malformed, Flows: books.flows, NotFinite: books.notFinite,
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
		read += l.ledger.read - l.earlier.Position
		confirmed += l.stateLocked().Position - l.earlier.Position
	}
	return read, confirmed
}
