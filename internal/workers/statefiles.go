package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"tstat-transport/internal/logdir"
)

// stateFiles keep the writers of a directory's state files apart, and the writers
// from the closing of the directory.
type stateFiles struct {
	mu     sync.Mutex
	closed bool

	begin    sync.Once
	beginErr error         // why .processing could not be written before the first message
	entry    *journalEntry // nil if no message was sent
}

// begin writes .processing before the directory's first message is published,
// and returns the same error for each message. If no state could be kept, every
// later run would send everything again.
func (d *dirWork) begin() error {
	d.states.begin.Do(func() {
		d.states.mu.Lock()
		defer d.states.mu.Unlock()
		s, _, _ := d.state()
		before, err := d.dir.Before()
		if err == nil {
			err = d.dir.WriteProcessing(s)
		}
		if err == nil {
			d.states.entry = d.p.journal.enter(d.dir.Entry, before)
			return
		}
		if there := d.dir.StillThere(); errors.Is(there, logdir.ErrVanished) {
			d.states.beginErr = there
			return
		}
		d.states.beginErr = fmt.Errorf("nothing of it is sent, since its state cannot be written: %w", err)
		d.p.ioError("directory_not_writable", "directory", d.dir.Path(), d.states.beginErr)
	})
	return d.states.beginErr
}

// saveProgress brings .processing up to date. It never marks: even if everything
// is confirmed, the transport has not finished the directory.
func (d *dirWork) saveProgress() error {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	if d.states.closed || !d.p.Mark {
		return nil
	}
	s, _, unsaved := d.state()
	if !unsaved {
		return nil
	}
	return d.writeProcessingLocked(s)
}

// saveEnd writes the state file of a directory of which nothing more will come:
// .processed if everything is confirmed, else .processing.
func (d *dirWork) saveEnd() error {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	if !d.p.Mark {
		return nil
	}
	s, complete, unsaved := d.state()
	failed := d.failure()
	if failed != nil {
		s.Error = failed.Error()
	}
	switch {
	case complete:
		return d.writeProcessedLocked(s)
	case unsaved:
		return d.writeProcessingLocked(s)
	case failed != nil && !errors.Is(failed, errStopped) && d.states.beginErr == nil:
		_ = d.dir.WriteProcessing(s) // only Error is new, and the log has it too
	}
	return nil
}

func (d *dirWork) writeProcessingLocked(s logdir.State) error {
	d.syncRejects()
	err := d.dir.WriteProcessing(s)
	if err != nil {
		d.setUnsaved()
	}
	return err
}

func (d *dirWork) writeProcessedLocked(s logdir.State) error {
	d.syncRejects()
	if err := d.dir.WriteProcessed(s); err != nil {
		// What is confirmed need not be sent again.
		return errors.Join(err, d.dir.WriteProcessing(s))
	}
	if d.nothingNew(s) {
		return d.dir.SetMarked(d.marked.Time)
	}
	return nil
}

// syncRejects has the malformed rows on the disk before a state counts them as
// done.
func (d *dirWork) syncRejects() {
	if d.p.Rejects == nil {
		return
	}
	if err := d.p.Rejects.Sync(); err != nil {
		d.p.ioError("reject_not_written", "directory", d.dir.Path(), err)
	}
}

// nothingNew reports whether s says what the mark of an earlier run said: the
// logs were touched and hold nothing new. The culler then goes on counting from
// that mark. Zero bytes may be filled at any time, so with them a touch counts.
func (d *dirWork) nothingNew(s logdir.State) bool {
	if d.marked.Time.IsZero() {
		return false
	}
	for name, state := range s.Logs {
		if before, ok := d.marked.State.Logs[name]; !ok || !state.SameProgress(before) || state.HasZeros() {
			return false
		}
	}
	return true
}

// vanished reports whether err, of saving a state, means that Tstat or the culler
// has deleted the directory meanwhile, or that the directory is closed.
func (d *dirWork) vanished(err error) bool {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	if d.states.closed {
		return true
	}
	return errors.Is(err, fs.ErrNotExist) && errors.Is(d.dir.StillThere(), logdir.ErrVanished)
}

func (d *dirWork) close() {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	d.states.closed = true
	_ = d.dir.Close()
}
