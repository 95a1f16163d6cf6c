package logdir

import (
	"errors"
	"io/fs"
	"time"

	"tstat-transport/internal/atomicfile"
)

// Before holds the state files that a directory had before a run wrote to it. The zero
// Before means that the directory had none.
type Before struct {
	processed, processing []byte // nil if there was none
	marked                time.Time
}

// Size returns how many bytes of state files Before holds.
func (b Before) Size() int { return len(b.processed) + len(b.processing) }

// Unfinished reports whether there was a .processing.
func (b Before) Unfinished() bool { return b.processing != nil }

// Before returns the state files that ReadProcessed and ReadProcessing have last read. The
// error is why one of them could not be read.
func (d *Dir) Before() (Before, error) { return d.before, d.beforeErr }

// keep returns what Before holds of a state file that was read as content, which is nil
// if there was none or no state file: more than one holds, or a link, a FIFO or a
// directory. Any other error is that of Before.
func (d *Dir) keep(content []byte, err error) []byte {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrNotRegular), err == nil && len(content) == maxState:
		return nil
	case err != nil:
		d.beforeErr = err
		return nil
	}
	return content
}

// Restore restores the state files that Before returned, including the time of the mark.
// The directory must be locked.
func (d *Dir) Restore(b Before) error {
	if err := d.put(processed, b.processed); err != nil {
		return err
	}
	if b.processed != nil {
		if err := d.SetMarked(b.marked); err != nil {
			return err
		}
	}
	return d.put(processing, b.processing)
}

// put writes content to a state file, or removes the file if content is nil.
func (d *Dir) put(name string, content []byte) error {
	if content == nil {
		if err := atomicfile.Remove(d.file, name); err != nil {
			return err
		}
		return atomicfile.SyncDir(d.file)
	}
	return d.replace(name, content)
}
