package logdir

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/fastparse"
)

// Dir is an open directory of logs.
type Dir struct {
	Entry
	file *os.File
	// first identifies the .processing that WriteFirst wrote; zero if the mark must not
	// overwrite that file.
	first firstFile
	// backup and backupErr are the result of Backup.
	backup    Backup
	backupErr error
}

// Open opens a directory and takes its lock, which lasts until Close. It fails with
// ErrLocked, or as [Dir.StillThere] does.
func Open(e Entry) (*Dir, error) {
	d, err := OpenUnlocked(e)
	if err != nil {
		return nil, err
	}
	if err := d.lock(); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) lock() error {
	if err := flock(d.Fd()); err != nil {
		return &fs.PathError{Op: "lock", Path: d.Path(), Err: err}
	}
	return d.StillThere()
}

// OpenUnlocked opens a directory without its lock, for reading. Its content may change at
// any time.
func OpenUnlocked(e Entry) (*Dir, error) {
	fd, err := openBeneath(e.Root.Fd(), e.Rel, e.Root.OneMount)
	if err != nil {
		return nil, openDirError(e.Path(), err)
	}
	return &Dir{Entry: e, file: os.NewFile(uintptr(fd), e.Path())}, nil
}

// StillThere fails if the directory's name no longer refers to it: with ErrVanished if the
// name is gone or is another directory's.
func (d *Dir) StillThere() error {
	fd, err := openBeneath(d.Root.Fd(), d.Rel, d.Root.OneMount)
	if err != nil {
		return openDirError(d.Path(), err)
	}
	defer unix.Close(fd)
	var named, held unix.Stat_t
	if err := unix.Fstat(fd, &named); err != nil {
		return &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	if err := unix.Fstat(d.Fd(), &held); err != nil {
		return &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	if named.Ino != held.Ino || named.Dev != held.Dev {
		return &fs.PathError{Op: "open", Path: d.Path(), Err: ErrVanished}
	}
	return nil
}

// Fd returns the directory's descriptor. The caller must not close it.
func (d *Dir) Fd() int { return int(d.file.Fd()) }

// Close releases the directory and its lock.
func (d *Dir) Close() error { return d.file.Close() }

const gz = ".gz"

// logNames are the names of the logs by protocol.
var logNames = [...]string{fastparse.TCP: "log_tcp_complete", fastparse.UDP: "log_udp_complete"}

// fileNames are the names of all files that may hold a log.
var fileNames = [...]string{logNames[fastparse.TCP], logNames[fastparse.UDP], logNames[fastparse.TCP] + gz, logNames[fastparse.UDP] + gz}

// Log is one log of a directory.
type Log struct {
	// Name is the log's key in a State and its name in message ids. It is the name of the
	// plain file, also for a .gz; but a .gz that is Apart has its own name.
	Name     string
	Protocol fastparse.Protocol
	Gzip     bool // the log's file is a .gz
	// Apart reports that log_x and log_x.gz are two different logs. Such a .gz stays Apart
	// when the plain file has gone.
	Apart bool
	// Beside is the other of the two files, if it holds nothing more than the log; nil
	// if there is no such file.
	Beside *Stat
}

// File returns the name of the log's file.
func (l Log) File() string {
	if l.Gzip {
		return logNames[l.Protocol] + gz
	}
	return logNames[l.Protocol]
}

// Stat holds the attributes that show, without reading a file, whether it has changed.
type Stat struct {
	Size         int64 // length of the file in bytes
	Ino          uint64
	Mtime, Ctime int64 // nanoseconds since the epoch
	// Fresh reports that Ctime may stay the same at the next change: the file system has
	// times of whole seconds, and the last change was less than freshFor ago.
	Fresh bool
	// regular reports that the file is a regular file, as a log must be.
	regular bool
}

// freshFor is the resolution of the coarsest file times, those of FAT.
const freshFor = 2 * time.Second

func statOf(st *unix.Stat_t) Stat {
	s := Stat{Size: st.Size, Ino: st.Ino, Mtime: nanoseconds(st.Mtim), Ctime: st.Ctim.Nano()}
	s.regular = st.Mode&unix.S_IFMT == unix.S_IFREG
	s.Fresh = st.Ctim.Nsec == 0 && time.Since(time.Unix(0, s.Ctime)) < freshFor
	return s
}

// nanoseconds returns a time that a user can set, in nanoseconds since the epoch. A time
// that does not fit, such as one in the year 2300, becomes the last or first that does.
func nanoseconds(t unix.Timespec) int64 {
	const most = math.MaxInt64/int64(time.Second) - 1
	return min(max(t.Sec, -most), most)*int64(time.Second) + t.Nsec
}

// OpenLog opens a log for reading. The caller must close the file. The error is
// ErrNotRegular for a log that is not a regular file, and fs.ErrNotExist for a log that
// no longer exists.
//
// The Stat is from before the first read. A LogState must hold this Stat: a later Stat
// could cover bytes that were not read.
func (d *Dir) OpenLog(l Log) (*os.File, Stat, error) {
	return d.openRegular(l.File())
}

// openRegular opens a regular file of the directory. It does not block on a FIFO and
// follows no symbolic link.
func (d *Dir) openRegular(name string) (*os.File, Stat, error) {
	full := path.Join(d.Path(), name)
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(d.Fd(), name, flags, 0) })
	switch err {
	case nil:
	case unix.ELOOP:
		return nil, Stat{}, fmt.Errorf("%s: a symbolic link, which is not followed: %w", full, ErrNotRegular)
	case unix.ENXIO: // a socket
		return nil, Stat{}, fmt.Errorf("%s: %w", full, ErrNotRegular)
	default:
		return nil, Stat{}, &fs.PathError{Op: "open", Path: full, Err: err}
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrNotRegular
	}
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, Stat{}, fmt.Errorf("%s: %w", full, err)
	}
	return os.NewFile(uintptr(fd), full), statOf(&st), nil
}
