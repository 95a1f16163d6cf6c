package report

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Unsent is the set of directories that have something to send. The crawl adds
// directories, and the run removes each directory that has nothing left to send. The zero
// Unsent is empty. Its methods may be called from many goroutines at once.
type Unsent struct {
	mu       sync.Mutex
	complete bool                        // the crawl has ended
	dirs     map[string]compactDirectory // by path
	// reasons holds why directories are not marked, by path. It has at most maxReasons
	// entries, which bounds the memory of a run in which everything fails.
	reasons map[string]string
	total   int64 // bytes to read in this run
}

// UnsentState is the reason why a run has not marked a directory.
type UnsentState string

// The states of an unsent directory.
const (
	Waiting UnsentState = "waiting" // the run did not reach the directory, stopped in it, or marks no directory
	Locked  UnsentState = "locked"  // another run has locked the directory
	Failed  UnsentState = "failed"
)

// UnsentDirectory is a directory that has something to send.
type UnsentDirectory struct {
	Directory string      `json:"directory"`
	State     UnsentState `json:"state"`
	Reason    string      `json:"reason,omitempty"`
	Bytes     int64       `json:"bytes"`          // uncompressed; estimated for compressed logs
	Since     time.Time   `json:"since,omitzero"` // when Tstat started the directory; zero if that is unknown
}

// compactDirectory is an UnsentDirectory that takes few bytes, since a run may have 100,000.
type compactDirectory struct {
	bytes int64
	since int64 // seconds since the epoch, or unknownSince
	state uint8 // index in states
}

// states are the states of directories, in the order in which First lists them.
var states = [...]UnsentState{Failed, Locked, Waiting}

const (
	waiting      = uint8(len(states) - 1) // the index of Waiting
	maxReasons   = 1000
	unknownSince = math.MinInt64
)

// expandedLocked returns d as an UnsentDirectory.
func (u *Unsent) expandedLocked(path string, d compactDirectory) UnsentDirectory {
	e := UnsentDirectory{Directory: path, State: states[d.state], Reason: u.reasons[path], Bytes: d.bytes}
	if d.since != unknownSince {
		e.Since = time.Unix(d.since, 0)
	}
	return e
}

// Found adds a directory.
func (u *Unsent) Found(directory string, bytes int64, since time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dirs == nil {
		u.dirs, u.reasons = make(map[string]compactDirectory), make(map[string]string)
	}
	d := compactDirectory{bytes: bytes, since: unknownSince, state: waiting}
	if !since.IsZero() {
		d.since = since.Unix()
	}
	u.dirs[directory] = d
	u.total += bytes
}

// Complete records that Found was called for all directories.
func (u *Unsent) Complete() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.complete = true
}

// Done removes a directory that has nothing left to send or no longer exists. read is the
// number of bytes that were read from the directory.
func (u *Unsent) Done(directory string, read int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d, ok := u.dirs[directory]; ok {
		u.total += read - d.bytes
		delete(u.dirs, directory)
		delete(u.reasons, directory)
	}
}

// NotMarked records why a directory is not marked. confirmed is the number of its bytes that
// need not be sent again.
func (u *Unsent) NotMarked(directory string, state UnsentState, reason error, confirmed int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d, ok := u.dirs[directory]; ok {
		d.state = uint8(slices.Index(states[:], state))
		d.bytes = max(0, d.bytes-confirmed)
		u.dirs[directory] = d
		if len(u.reasons) < maxReasons {
			u.reasons[directory] = reason.Error()
		}
	}
}

// Total returns the number of bytes to read in this run. It is an estimate, which
// becomes exact as directories are read.
func (u *Unsent) Total() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total
}

// Backlog sums up unsent directories.
type Backlog struct {
	Directories    int
	Bytes          int64
	Failed, Locked int              // the directories in these states
	Oldest         *UnsentDirectory // of those with a known start; nil if there is none
}

// Backlog sums up all directories. complete is false until the crawl has ended.
func (u *Unsent) Backlog() (b Backlog, complete bool) {
	return u.backlog(func(string) bool { return true })
}

// BacklogBelow sums up the directories below a root. complete is false until the crawl
// has ended.
func (u *Unsent) BacklogBelow(root string) (b Backlog, complete bool) {
	return u.backlog(func(directory string) bool {
		rest, err := filepath.Rel(root, directory)
		return err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
	})
}

// backlog sums up the directories that match.
func (u *Unsent) backlog(match func(directory string) bool) (b Backlog, complete bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	oldest := ""
	for path, d := range u.dirs {
		if !match(path) {
			continue
		}
		b.Directories++
		b.Bytes += d.bytes
		switch states[d.state] {
		case Failed:
			b.Failed++
		case Locked:
			b.Locked++
		}
		if d.since != unknownSince && (oldest == "" || u.compareAgeLocked(path, oldest) < 0) {
			oldest = path
		}
	}
	if oldest != "" {
		b.Oldest = new(u.expandedLocked(oldest, u.dirs[oldest]))
	}
	return b, u.complete
}

// First returns the first n directories: the failed ones first, then the locked, then
// the waiting ones; within each state those with an unknown start first, then the oldest.
func (u *Unsent) First(n int) []UnsentDirectory {
	u.mu.Lock()
	defer u.mu.Unlock()
	first := make([]string, 0, n+1)
	for path, d := range u.dirs {
		i, _ := slices.BinarySearchFunc(first, path, func(a, b string) int {
			return cmp.Or(cmp.Compare(u.dirs[a].state, d.state), u.compareAgeLocked(a, b))
		})
		if i < n {
			first = slices.Insert(first, i, path)
			first = first[:min(n, len(first))]
		}
	}
	list := make([]UnsentDirectory, len(first))
	for i, path := range first {
		list[i] = u.expandedLocked(path, u.dirs[path])
	}
	return list
}

// compareAgeLocked compares directories by age, the oldest first. A directory whose start is
// unknown comes before all others.
func (u *Unsent) compareAgeLocked(a, b string) int {
	return cmp.Or(cmp.Compare(u.dirs[a].since, u.dirs[b].since), strings.Compare(a, b))
}
