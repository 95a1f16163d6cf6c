package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// stateFiles guards a directory's state files: one goroutine at a time writes them,
// and none after the directory is closed.
type stateFiles struct {
	mu     sync.Mutex
	closed bool

	beginOnce sync.Once
	beginErr  error         // why .processing could not be written before the first message
	journaled *journalEntry // nil until begin has written .processing
}

// begin writes .processing before the directory's first message is published. Later
// calls return the error of the first. If the state cannot be written, nothing may
// be sent: every later run would send everything again.
func (d *dirWork) begin() error {
	d.states.beginOnce.Do(func() {
		d.states.mu.Lock()
		defer d.states.mu.Unlock()
		backup, err := d.disk.Backup()
		switch {
		case err != nil:
		case backup.Unfinished(): // .processing of an earlier run holds progress to keep
			s, _, _ := d.stateToSave()
			d.syncRejects() // a log that has ended without messages may have malformed rows
			err = d.disk.WriteProcessing(s)
		default:
			err = d.disk.WriteFirst(d.newState())
		}
		if err == nil {
			d.states.journaled = d.p.journal.add(d.entry, backup)
			return
		}
		if err = d.orVanished(err); errors.Is(err, logdir.ErrVanished) {
			d.states.beginErr = err
			return
		}
		d.states.beginErr = fmt.Errorf("the directory is not sent, because its state cannot be written: %w", err)
		d.p.stateError("directory_not_writable", d.disk.Path(), d.states.beginErr)
	})
	return d.states.beginErr
}

// saveProgress brings .processing up to date. It does not write .processed, even if
// everything is confirmed: the transport has not finished the directory yet. The error is
// logdir.ErrVanished if the directory has been deleted.
func (d *dirWork) saveProgress() error {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	if d.states.closed || !d.p.Mark {
		return nil
	}
	s, _, unsaved := d.stateToSave()
	if !unsaved {
		return nil
	}
	return d.orVanished(d.writeProcessingLocked(s))
}

// saveEnd writes the state file of a directory that is finished: .processed if everything
// is confirmed, else .processing if there is new confirmed progress or a failure to record. A
// stop of the run is no failure. The error is logdir.ErrVanished if the directory has been
// deleted.
func (d *dirWork) saveEnd() error {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	if !d.p.Mark {
		return nil
	}
	s, complete, unsaved := d.stateToSave()
	failed := d.failure()
	toRecord := failed != nil && !errors.Is(failed, errStopped) // errStopped is no fault of the directory
	_, readErr := d.disk.Backup()                               // if set, .processing may have progress that s lacks
	if toRecord {
		s.Error = failed.Error()
	}
	switch {
	case complete:
		return d.orVanished(d.writeProcessedLocked(s))
	case unsaved:
		return d.orVanished(d.writeProcessingLocked(s))
	case toRecord && d.states.beginErr == nil && readErr == nil:
		_ = d.writeProcessingLocked(s) // an error loses only s.Error: s has no new progress
	}
	return nil
}

func (d *dirWork) writeProcessingLocked(s logdir.State) error {
	d.syncRejects()
	err := d.disk.WriteProcessing(s)
	if err != nil {
		d.setUnsaved()
	}
	return err
}

func (d *dirWork) writeProcessedLocked(s logdir.State) error {
	d.syncRejects()
	if err := d.disk.WriteProcessed(s); err != nil {
		// With .processing, the next run does not send the confirmed rows again.
		return errors.Join(err, d.disk.WriteProcessing(s))
	}
	if d.nothingNew(s) {
		return d.disk.SetMarkTime(d.marked.Time)
	}
	return nil
}

// syncRejects syncs the file of malformed rows before a state counts those rows as
// done.
func (d *dirWork) syncRejects() {
	if d.p.Rejects == nil {
		return
	}
	if err := d.p.Rejects.Sync(); err != nil {
		d.p.ioError("reject_not_written", "directory", d.disk.Path(), err, "")
	}
}

// nothingNew reports whether s equals the mark of an earlier run: the logs were
// touched but hold nothing new. The culler then still counts the directory's age from
// the time of that mark. A log with zero bytes counts as changed by a touch, since
// the missing data may have arrived.
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

// orVanished returns err, the result of writing a state file. If err is the error of a
// directory that Tstat or a user has deleted, it returns logdir.ErrVanished instead. Any
// other error has another cause, even if the directory no longer has its name: a renamed
// directory still exists.
func (d *dirWork) orVanished(err error) error {
	deleted := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESTALE) // ESTALE: by another host, on NFS
	if !deleted {
		return err
	}
	if there := d.disk.StillThere(); errors.Is(there, logdir.ErrVanished) {
		return there
	}
	return err
}

func (d *dirWork) close() {
	d.states.mu.Lock()
	defer d.states.mu.Unlock()
	d.states.closed = true
	_ = d.disk.Close()
}
