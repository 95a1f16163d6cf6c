package logdir

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// gzipRatio is about how many times smaller gzip makes a Tstat log.
const gzipRatio = 6

// Backlog returns, at little cost, how many uncompressed bytes of a directory are not
// confirmed, and when Tstat started the directory. It takes no lock and reads no log. The
// size of a compressed log is estimated, unless the log is unchanged since it was
// confirmed. A .gz beside a plain log counts 0, and a replaced log counts as a log that
// has grown. A directory that cannot be read counts 0 bytes, with the zero time. Backlog
// may be called from many goroutines at once.
func Backlog(e Entry) (bytes int64, since time.Time) { return backlog(e, false) }

// Size is like [Backlog] but also counts the confirmed bytes.
func Size(e Entry) (bytes int64, since time.Time) { return backlog(e, true) }

func backlog(e Entry, confirmedToo bool) (bytes int64, since time.Time) {
	dir, err := openBeneath(e.Root.Fd(), e.Rel, e.Root.OneMount)
	if err != nil {
		return 0, time.Time{}
	}
	defer unix.Close(dir)

	var mark State
	var confirmed map[string]int64
	if !confirmedToo {
		mark, confirmed = readConfirmed(dir)
	}
	oldest := int64(math.MaxInt64)
	for _, name := range logNames {
		p, err := statPair(dir, name)
		if err != nil {
			continue
		}
		for _, f := range []struct {
			*Stat
			gzip  bool
			ratio int64
			from  int64 // the confirmed position
		}{{p.plain, false, 1, confirmed[name]}, {p.packed, true, gzipRatio, max(confirmed[name], confirmed[name+gz])}} {
			if f.Stat == nil || !f.regular {
				continue
			}
			oldest = min(oldest, f.Mtime)
			if f.gzip && p.plain != nil || mark.confirms(p.name, *f.Stat, f.gzip) {
				continue
			}
			size := f.Size * f.ratio
			if size >= f.from {
				size -= f.from
			}
			bytes += size
		}
	}
	if t, ok := Start(e.Name); ok {
		since = t
	} else if oldest != math.MaxInt64 {
		since = time.Unix(0, oldest)
	}
	return bytes, since
}

// readConfirmed returns the state in the mark, and for each log the confirmed position: the
// further one of the mark and .processing. A state file that cannot be read counts as absent.
func readConfirmed(dir int) (mark State, positions map[string]int64) {
	buf := smallBuffers.Get().(*[4 << 10]byte)
	defer smallBuffers.Put(buf)
	positions = make(map[string]int64)
	for _, name := range []string{processed, processing} {
		n, ok := readSmall(dir, name, buf[:])
		if !ok {
			continue
		}
		s, err := decode(buf[:n])
		if err != nil {
			continue
		}
		if name == processed {
			mark = s
		}
		for log, ls := range s.Logs {
			positions[log] = max(positions[log], ls.Position)
		}
	}
	return mark, positions
}

// confirms reports whether a file is recorded in the mark, as a log or beside one.
func (s State) confirms(name string, st Stat, gzip bool) bool {
	ls, apart := s.Logs[name], s.Logs[name+gz]
	return ls.sameFile(st, gzip) || ls.Beside.sameFile(st) || gzip && apart.sameFile(st, true)
}
