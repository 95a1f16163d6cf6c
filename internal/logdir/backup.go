package logdir

import (
	"errors"
	"io/fs"
	"time"

	"tstat-transport/internal/atomicfile"
)

// Backup holds the state files that a directory had before a run wrote to it. The zero
// Backup means that the directory had none.
type Backup struct {
	processed, processing []byte // nil if there was none
	markTime              time.Time
}

// Size returns how many bytes of state files b holds.
func (b Backup) Size() int { return len(b.processed) + len(b.processing) }

// Unfinished reports whether there was a .processing.
func (b Backup) Unfinished() bool { return b.processing != nil }

// Backup returns the state files that ReadProcessed and ReadProcessing have last read. The
// error is why one of them could not be read.
func (d *Dir) Backup() (Backup, error) { return d.backup, d.backupErr }

// forBackup returns the content for a Backup, given the result of reading a state file. The
// content is nil if there is no such file, or if it is no state file: too long, or a link,
// a FIFO or a directory. Any other error becomes the error of Backup.
func (d *Dir) forBackup(content []byte, err error) []byte {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrNotRegular), err == nil && len(content) == maxState:
		return nil
	case err != nil:
		d.backupErr = err
		return nil
	}
	return content
}

// Restore restores the state files that Backup returned, including the time of the mark.
// The directory must be locked.
func (d *Dir) Restore(b Backup) error {
	if err := d.put(processed, b.processed); err != nil {
		return err
	}
	if b.processed != nil {
		if err := d.SetMarkTime(b.markTime); err != nil {
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
