package logdir

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// gzipRatio is about how many times smaller gzip makes a Tstat log.
const gzipRatio = 6

// Backlog tells cheaply how much of a directory is not confirmed, in
// uncompressed bytes, and when Tstat started it. It takes no lock and reads no
// log: a compressed log is estimated, and one that was replaced counts as one
// that has grown. What cannot be read counts as 0, and its time is zero. It
// may be called from many goroutines at once.
func Backlog(e Entry) (bytes int64, since time.Time) {
	dir, err := openBeneath(e.Root.Fd(), e.Rel, e.Root.OneMount)
	if err != nil {
		return 0, time.Time{}
	}
	defer unix.Close(dir)

	buf := quickBuffers.Get().(*[4 << 10]byte)
	defer quickBuffers.Put(buf)
	known := make(map[string]int64)
	for _, name := range []string{processed, processing} {
		n, ok := quickRead(dir, name, buf[:])
		if !ok {
			continue
		}
		s, err := decode(buf[:n])
		if err != nil {
			continue
		}
		for log, ls := range s.Logs {
			known[log] = max(known[log], ls.Position)
		}
	}
	oldest := int64(math.MaxInt64)
	for _, name := range logNames {
		var st unix.Stat_t
		ratio := int64(1)
		err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT {
			ratio = gzipRatio
			err = unix.Fstatat(dir, name+gz, &st, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		oldest = min(oldest, st.Mtim.Nano())
		size := st.Size * ratio
		if size >= known[name] {
			size -= known[name]
		}
		bytes += size
	}
	if t, ok := started(e.Name); ok { // the sensor's clock wrote the name
		since = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local)
	} else if oldest != math.MaxInt64 {
		since = time.Unix(0, oldest)
	}
	return bytes, since
}
