package logdir

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Inspection describes a directory that is not done, as seen without its lock.
type Inspection struct {
	// Bytes and Since are those of [Backlog]. If the directory is up to date but its logs
	// have zero bytes in place of rows, Bytes counts those zero bytes.
	Bytes int64
	Since time.Time
	// Err is why the directory, its .processed or a log cannot be read.
	Err error
	// Mark is the directory's .processed; the zero Mark if it has none.
	Mark Mark
	// Begun reports that the directory has a .processing, whose state is in Progress.
	// ProgressErr is why the .processing cannot be used.
	Begun       bool
	Progress    State
	ProgressErr error
	// Zeros are the logs that have zero bytes, where rows may still appear, according to
	// the mark or .processing.
	Zeros []string
	// Dev and Ino identify the directory in /proc/locks.
	Dev, Ino uint64
}

// Inspect examines a directory without a lock and without reading its logs. done reports
// that the directory is not pending: it is up to date and no log has zero bytes in place of
// rows, or the directory has vanished. Inspect may be called from many goroutines at once.
func Inspect(e Entry) (i Inspection, done bool) {
	d, err := OpenUnlocked(e)
	if err != nil {
		return Inspection{Err: err}, errors.Is(err, ErrVanished)
	}
	defer d.Close()
	state, sent := upToDate(d.Fd())
	if sent && len(logsWithZeros(state)) == 0 {
		return Inspection{}, true
	}
	i.Bytes, i.Since = Backlog(e)
	if sent {
		i.Bytes = bytesOfZeros(state)
	}
	var st unix.Stat_t
	if err := unix.Fstat(d.Fd(), &st); err == nil {
		i.Dev, i.Ino = st.Dev, st.Ino
	}
	i.Mark, i.Err = d.ReadProcessed()
	i.Begun = exists(d.Fd(), processing)
	i.Progress, i.ProgressErr = d.ReadProcessing()
	i.Zeros = logsWithZeros(state, i.Mark.State, i.Progress)
	i.Err = errors.Join(i.Err, d.checkLogs())
	return i, false
}

// checkLogs opens each log file, to see that it can be read.
func (d *Dir) checkLogs() (err error) {
	for _, name := range fileNames {
		f, _, openErr := d.openRegular(name)
		switch {
		case openErr == nil:
			_ = f.Close()
		case !errors.Is(openErr, fs.ErrNotExist):
			err = errors.Join(err, openErr)
		}
	}
	return err
}

// logsWithZeros returns the names of the logs that have zero bytes in one of the states.
func logsWithZeros(states ...State) (names []string) {
	for _, s := range states {
		for name, log := range s.Logs {
			if log.HasZeros() {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// bytesOfZeros returns how much of the logs of a marked directory was zero bytes.
func bytesOfZeros(s State) (n int64) {
	for _, log := range s.Logs {
		n += holeBytes(log.Holes)
		if log.ZeroTail && !log.Gzip {
			n += max(0, log.Size-log.Position)
		}
	}
	return n
}
