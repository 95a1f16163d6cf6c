package logdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/failpoint"
)

const (
	processed  = ".processed"
	processing = ".processing"
	temporary  = ".tmp"
	// maxState bounds what is read of a state file. Ours is some 600 bytes.
	maxState = 64 << 10
)

// MarkKind says who marked a directory.
type MarkKind uint8

const (
	None    MarkKind = iota // nobody: there is no .processed, or it is damaged
	Ours                    // tstat_send; State holds
	Foreign                 // the Python tool or a person: the whole directory is done
)

// Mark is a directory's .processed.
type Mark struct {
	Kind  MarkKind
	State State
	Time  time.Time // its modification time
	// Damaged is why a mark that is there counts as None; nil otherwise.
	Damaged error
}

// ReadProcessed reads the directory's mark. An error is either of reading or
// ErrNotRegular, and means that the directory can be neither sent nor culled.
func (d *Dir) ReadProcessed() (Mark, error) {
	b, st, err := d.read(processed)
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

// ReadProcessing reads how far an unfinished directory has come. The State is
// usable in any case: it is the zero State where there is none, and also where
// err, which is then worth a warning, says why it cannot be used.
func (d *Dir) ReadProcessing() (State, error) {
	b, _, err := d.read(processing)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	s, err := decode(b)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w: the directory is taken from its start", path.Join(d.Path(), processing), err)
	}
	return s, nil
}

// read returns the first maxState bytes of a state file.
func (d *Dir) read(name string) ([]byte, Stat, error) {
	f, st, err := d.openLog(name)
	if err != nil {
		return nil, st, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState))
	return b, st, err
}

// WriteProcessing notes how far an unfinished directory has come. It fails also
// if something stands where a mark will be written. The directory must be locked.
func (d *Dir) WriteProcessing(s State) error {
	if err := d.unlink(processed + temporary); err != nil {
		return err
	}
	return d.write(processing, s)
}

// WriteProcessed marks the directory, then removes .processing. The directory
// must be locked.
func (d *Dir) WriteProcessed(s State) error {
	if err := d.write(processed, s); err != nil {
		return err
	}
	return d.RemoveProcessing()
}

// SetMarked gives the mark another time, from which a culler counts.
func (d *Dir) SetMarked(at time.Time) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(at.UnixNano())}
	if err := unix.UtimesNanoAt(d.Fd(), processed, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "set the time of", Path: path.Join(d.Path(), processed), Err: err}
	}
	return nil
}

// RemoveProcessing removes .processing and what a crash left of writing the
// state files. It is no error if there is nothing.
func (d *Dir) RemoveProcessing() error {
	for _, name := range []string{processing, processing + temporary, processed + temporary} {
		if err := d.unlink(name); err != nil {
			return err
		}
	}
	return nil
}

// write replaces a state file so that at any moment, crashes included, the old
// or the new one stands there, complete.
func (d *Dir) write(name string, s State) error {
	b, err := s.encode()
	if err != nil {
		return fmt.Errorf("encode %s: %w", path.Join(d.Path(), name), err)
	}
	tmp := name + temporary
	if err := d.writeTemporary(tmp, b); err != nil {
		return err
	}
	failpoint.Hit("written")
	if _, err := retry(func() (int, error) { return 0, unix.Renameat(d.Fd(), tmp, d.Fd(), name) }); err != nil {
		_ = d.unlink(tmp)
		return &fs.PathError{Op: "rename", Path: path.Join(d.Path(), name), Err: err}
	}
	failpoint.Hit("renamed")
	return d.sync()
}

// TryMark tells whether marks can be written: it writes, syncs and removes what
// one begins as. The directory must be locked.
func (d *Dir) TryMark() error {
	const tmp = processing + temporary
	if err := d.writeTemporary(tmp, make([]byte, 1<<10)); err != nil {
		return err
	}
	return errors.Join(d.unlink(tmp), d.sync())
}

// writeTemporary writes a new file, and leaves none if it fails.
func (d *Dir) writeTemporary(tmp string, b []byte) (err error) {
	if err := d.unlink(tmp); err != nil {
		return err
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(d.Fd(), tmp, flags, 0o644) })
	if err != nil {
		return &fs.PathError{Op: "create", Path: path.Join(d.Path(), tmp), Err: err}
	}
	f := os.NewFile(uintptr(fd), path.Join(d.Path(), tmp))
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = d.unlink(tmp)
		}
	}()
	failpoint.Hit("created")
	if _, err := f.Write(b); err != nil {
		return err
	}
	failpoint.Hit("unsynced")
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// sync makes the directory's names durable, where its file system can.
func (d *Dir) sync() error {
	err := d.file.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

func (d *Dir) unlink(name string) error {
	return removeAt(d.Fd(), name, path.Join(d.Path(), name), 0)
}
