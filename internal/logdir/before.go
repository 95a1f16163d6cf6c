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

// Before returns the directory's current state files.
func (d *Dir) Before() (Before, error) {
	var b Before
	var st Stat
	var err error
	if b.processed, st, err = d.readIfThere(processed); err != nil {
		return Before{}, err
	}
	if b.processed != nil {
		b.marked = time.Unix(0, st.Mtime)
	}
	b.processing, _, err = d.readIfThere(processing)
	return b, err
}

// readIfThere returns a state file's content; nil if there is none, or what stands
// there is no state file: more than one holds, or a link, a FIFO or a directory.
func (d *Dir) readIfThere(name string) ([]byte, Stat, error) {
	b, st, err := d.read(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRegular) || err == nil && len(b) == maxState {
		return nil, Stat{}, nil
	}
	return b, st, err
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
	return d.writeBytes(name, content, (*atomicfile.File).Commit)
}
