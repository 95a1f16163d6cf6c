package logdir

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// UpToDate reports, at little cost, whether a directory has nothing to send: it has a mark
// of the Python tool or of a person, or a mark of tstat_send in which all log files have
// their current size, inode and change time. UpToDate takes no lock and reads no log. If
// it returns false, the directory must be opened and examined; that is also the case if a
// file cannot be read, or if a .processing exists beside a mark of tstat_send. UpToDate may
// be called from many goroutines at once.
func UpToDate(e Entry) (done bool) {
	dir, err := openBeneath(e.Root.Fd(), e.Rel, e.Root.OneMount)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	_, done = upToDate(dir)
	return done
}

// upToDate is UpToDate for an open directory. It also returns the state in the
// mark, if the directory is done and the mark is ours.
func upToDate(dir int) (s State, done bool) {
	s, err := readSmallState(dir, processed)
	if err != nil {
		return State{}, errors.Is(err, errForeign)
	}
	if access(dir, processing) != unix.ENOENT {
		return State{}, false
	}
	for _, name := range logNames {
		p, err := statPair(dir, name)
		if err != nil || s.recordedPairing(p) == undecided {
			return State{}, false
		}
	}
	return s, true
}

// smallBuffers are buffers for state files. A larger state file is rare.
var smallBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// readSmallState reads a state file, more cheaply than ReadProcessed and ReadProcessing. It
// fails for a state file that is larger than a buffer.
func readSmallState(dir int, name string) (State, error) {
	buf := smallBuffers.Get().(*[4 << 10]byte)
	defer smallBuffers.Put(buf)
	n, ok := readSmall(dir, name, buf[:])
	if !ok {
		return State{}, errNotSmall
	}
	return decode(buf[:n])
}

var errNotSmall = errors.New("not a small regular file")

// readSmall reads a regular file into buf. ok is false for any other file and for one that
// is longer than buf.
func readSmall(dir int, name string, buf []byte) (n int, ok bool) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > int64(len(buf)) {
		return 0, false
	}
	n, err = unix.Read(fd, buf)
	return n, err == nil && int64(n) == st.Size
}
