package workers

import (
	"errors"
	"io/fs"
	"math"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
)

// loggedInFull bounds the events of a log for its malformed rows, and for its
// header lines with other columns.
const loggedInFull = 5

// maxRejects returns how many malformed lines of a block a worker keeps.
func (p *pipeline) maxRejects() int {
	if p.Rejects != nil {
		return math.MaxInt
	}
	return loggedInFull
}

// readError counts and logs a directory or log that cannot be read. key is the attribute
// under which path is logged: directory or file.
func (p *pipeline) readError(event, key, path string, err error) {
	p.ioError(event, key, path, err, logdir.ReadRemedy(err))
}

// stateError counts and logs a state file of a directory that cannot be written.
func (p *pipeline) stateError(event, directory string, err error) {
	p.ioError(event, "directory", directory, err, logdir.WriteRemedy(err))
}

// ioError counts and logs a directory or file that cannot be read or written. hint says
// what to do about it; empty if that is not known.
func (p *pipeline) ioError(event, key, path string, err error, hint string) {
	attrs := []any{key, path, "error", err}
	if hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	p.Log.Error(event, attrs...) //nolint:sloglint // callers pass constants
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome.IOErrors++
}

// directoryError records why a directory could not be opened.
func (p *pipeline) directoryError(path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrLocked):
		p.Counters.Unsent.NotMarked(path, report.Locked, err, 0)
		p.Log.Warn("directory_locked", "directory", path, "error", err, "hint", logdir.LockRemedy(err))
		p.mu.Lock()
		defer p.mu.Unlock()
		p.outcome.Locked++
	case errors.Is(err, logdir.ErrVanished), errors.Is(err, fs.ErrNotExist):
		p.Counters.Unsent.Done(path, 0)
		if p.Resend != nil {
			p.Log.Warn("directory_vanished", "directory", path, "hint", "the directory was deleted before it could be sent again")
			return
		}
		p.Log.Info("directory_vanished", "directory", path)
	default:
		p.Counters.Unsent.NotMarked(path, report.Failed, err, 0)
		p.readError("directory_unreadable", "directory", path, err)
	}
}
