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
	s, err := readStateAt(dir, processed)
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

// stateBuffers are buffers for state files. A larger state file is rare.
var stateBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// readStateAt reads a state file, more cheaply than ReadProcessed and ReadProcessing.
func readStateAt(dir int, name string) (State, error) {
	buf := stateBuffers.Get().(*[4 << 10]byte)
	defer stateBuffers.Put(buf)
	b, ok := readRegular(dir, name, buf[:])
	if !ok {
		return State{}, errNoState
	}
	return decode(b)
}

var errNoState = errors.New("not a regular file, or too large")

// readRegular reads a regular file, into buf if the file fits. ok is false for any other
// file, and for one that is larger than a state file can be.
func readRegular(dir int, name string, buf []byte) (b []byte, ok bool) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size >= maxState {
		return nil, false
	}
	if st.Size > int64(len(buf)) {
		buf = make([]byte, st.Size)
	}
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err == nil && int64(n) == st.Size
}
