package logdir

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// gzipRatio is about how many times smaller gzip makes a Tstat log.
const gzipRatio = 6

// Backlog returns, at little cost, how many uncompressed bytes of a directory are not
// confirmed, and when Tstat started the directory. For a directory whose name has no time,
// since is the oldest modification time of a log. Backlog takes no lock and reads no log. The
// size of a compressed log is estimated, unless the log is unchanged since it was
// confirmed. A .gz beside a plain log counts 0. A replaced log counts as a log that has
// grown, or whole if it is shorter than its confirmed position. A directory that cannot be
// opened counts 0 bytes, with the zero time. Backlog may be called from many goroutines at
// once.
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
		if f := p.plain; f != nil && f.regular {
			oldest = min(oldest, f.Mtime)
			if !mark.confirms(name, *f, false) {
				bytes += unconfirmed(f.Size, confirmed[name])
			}
		}
		if f := p.packed; f != nil && f.regular {
			oldest = min(oldest, f.Mtime)
			if p.plain == nil && !mark.confirms(name, *f, true) {
				bytes += unconfirmed(f.Size*gzipRatio, max(confirmed[name], confirmed[name+gz]))
			}
		}
	}
	if t, ok := Start(e.Name); ok {
		since = t
	} else if oldest != math.MaxInt64 {
		since = time.Unix(0, oldest)
	}
	return bytes, since
}

// unconfirmed returns how many of size bytes are not confirmed. Nothing is confirmed of a
// log that is shorter than its confirmed position: it was replaced, or size is an estimate.
func unconfirmed(size, position int64) int64 {
	if size < position {
		return size
	}
	return size - position
}

// readConfirmed returns the state in the mark, and for each log the confirmed position: the
// further one of the mark and .processing. A state file that cannot be read counts as absent.
func readConfirmed(dir int) (mark State, positions map[string]int64) {
	mark, _ = readStateAt(dir, processed)
	unfinished, _ := readStateAt(dir, processing)
	positions = make(map[string]int64)
	for _, s := range []State{mark, unfinished} {
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
