package logdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/atomicfile"
)

const (
	processed  = ".processed"
	processing = ".processing"
	temporary  = ".tmp" // ends the temporary name of either file
	// maxState bounds what is read of a state file. Ours has about 600 bytes, and at most
	// 400 KiB if four logs have MaxHoles each.
	maxState = 512 << 10
)

// MarkKind tells who has marked a directory.
type MarkKind uint8

const (
	None    MarkKind = iota // nobody: there is no .processed, or it is damaged
	Ours                    // tstat_send: only then Mark.State is set
	Foreign                 // the Python tool or a person: the whole directory is done
)

// Mark is a directory's .processed.
type Mark struct {
	Kind  MarkKind
	State State
	Time  time.Time // its modification time
	// Damaged is why an existing mark counts as None; nil otherwise.
	Damaged error
}

// ReadProcessed reads the directory's mark. After an error, which may be ErrNotRegular,
// the directory can be neither sent nor culled.
func (d *Dir) ReadProcessed() (Mark, error) {
	b, st, err := d.readState(processed)
	d.backup.processed, d.backup.markTime = d.forBackup(b, err), time.Unix(0, st.Mtime)
	if errors.Is(err, fs.ErrNotExist) {
		return Mark{}, nil
	}
	if errors.Is(err, ErrNotRegular) {
		return Mark{}, fmt.Errorf("%w: remove it to have the directory sent", err)
	}
	if err != nil {
		return Mark{}, err
	}
	m := Mark{Kind: Ours, Time: time.Unix(0, st.Mtime)}
	switch m.State, err = decode(b); {
	case errors.Is(err, errForeign):
		m.Kind = Foreign
	case err != nil:
		m.Kind, m.Damaged = None, fmt.Errorf("%s: %w: the directory counts as not marked", path.Join(d.Path(), processed), err)
	}
	return m, nil
}

// ReadProcessing reads the state of an unfinished directory. The State is the zero State
// if the directory has no .processing, and also after an error, which says why the
// .processing cannot be used and deserves a warning.
func (d *Dir) ReadProcessing() (State, error) {
	b, _, err := d.readState(processing)
	d.backup.processing = d.forBackup(b, err)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	s, err := decode(b)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w: the directory counts as not begun", path.Join(d.Path(), processing), err)
	}
	return s, nil
}

// readState returns the first maxState bytes of a state file.
func (d *Dir) readState(name string) ([]byte, Stat, error) {
	f, st, err := d.openRegular(name)
	if err != nil {
		return nil, st, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState))
	return b, st, err
}

// WriteProcessing writes the state of an unfinished directory. The directory must be
// locked.
func (d *Dir) WriteProcessing(s State) error {
	d.first = firstFile{}
	if err := d.removeTemporaryMark(); err != nil {
		return err
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	return d.replace(processing, b)
}

// removeTemporaryMark removes a .processed.tmp that a crash has left. It fails if
// .processed.tmp is a directory: WriteProcessed could fail too, so the run must not send.
func (d *Dir) removeTemporaryMark() error { return atomicfile.Remove(d.file, processed+temporary) }

// WriteProcessed marks the directory and removes .processing. The directory must be
// locked.
func (d *Dir) WriteProcessed(s State) error {
	b, err := s.encode()
	if err != nil {
		return err
	}
	if d.first.canBecomeMark(b) && d.makeFirstTheMark(b) {
		return nil
	}
	// The mark becomes a new file.
	if err := d.replace(processed, b); err != nil {
		return err
	}
	return d.RemoveProcessing()
}

// SetMarkTime sets the time of the mark, from which tstat_cull measures the TTL.
func (d *Dir) SetMarkTime(at time.Time) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(at.UnixNano())}
	if err := unix.UtimesNanoAt(d.Fd(), processed, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "set the time of", Path: path.Join(d.Path(), processed), Err: err}
	}
	return nil
}

// RemoveProcessing removes .processing, and temporary state files that a crash has left.
// Files that do not exist are no error.
func (d *Dir) RemoveProcessing() error {
	for _, name := range []string{processing, processing + temporary, processed + temporary} {
		if err := atomicfile.Remove(d.file, name); err != nil {
			return err
		}
	}
	return nil
}

// replace replaces a state file by way of a temporary file.
func (d *Dir) replace(name string, b []byte) error {
	f, err := d.createTemporary(name, b)
	if err != nil {
		return err
	}
	return f.Commit(name)
}

// createTemporary writes b to the temporary file of a state file.
func (d *Dir) createTemporary(name string, b []byte) (*atomicfile.File, error) {
	f, err := atomicfile.Create(d.file, name+temporary, 0o644)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(b); err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	return f, nil
}

// TryMark returns an error if a mark cannot be written: it writes, syncs and removes a
// temporary file. The directory must be locked.
func (d *Dir) TryMark() error {
	f, err := atomicfile.Create(d.file, processing+temporary, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 1<<10))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Discard(), atomicfile.SyncDir(d.file))
}
