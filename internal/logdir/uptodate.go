package logdir

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

var smallBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// UpToDate reports, at little cost, whether a directory has nothing to send: it has a mark
// of the Python tool or of a person, or a mark of tstat_send in which all log files have
// their current size, inode and change time. UpToDate takes no lock and reads no log. If
// it returns false, the directory must be opened and examined; that is also the case if a
// file cannot be read, or if a .processing exists beside the mark. UpToDate may be called
// from many goroutines at once.
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
	buf := smallBuffers.Get().(*[4 << 10]byte)
	defer smallBuffers.Put(buf)
	n, ok := readSmall(dir, processed, buf[:])
	if !ok {
		return State{}, false
	}
	s, err := decode(buf[:n])
	if err != nil {
		return State{}, errors.Is(err, errForeign)
	}
	if unix.Faccessat(dir, processing, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW) != unix.ENOENT {
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

// readSmall reads a small regular file. ok is false for any other file.
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
