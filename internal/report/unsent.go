package report

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Unsent keeps account of the directories that have something to send, from
// the crawl on. The zero Unsent knows nothing yet. Its methods may be called
// from many goroutines at once.
type Unsent struct {
	mu    sync.Mutex
	known bool
	dirs  map[string]*UnsentDirectory
	total int64
}

// State says why a directory is not marked.
type State string

// The states of a directory.
const (
	Waiting State = "waiting" // the run did not come to it, or marks nothing
	Locked  State = "locked"  // another run is at work on it
	Failed  State = "failed"
)

// UnsentDirectory is a directory that has something to send.
type UnsentDirectory struct {
	Directory string    `json:"directory"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Bytes     int64     `json:"bytes"` // uncompressed; estimated for compressed logs
	Since     time.Time `json:"since"` // when Tstat started it
}

// Found enters a directory.
func (u *Unsent) Found(directory string, bytes int64, since time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.dirs == nil {
		u.dirs = make(map[string]*UnsentDirectory)
	}
	u.dirs[directory] = &UnsentDirectory{Directory: directory, State: Waiting, Bytes: bytes, Since: since}
	u.total += bytes
}

// Complete says that all directories have been entered.
func (u *Unsent) Complete() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known = true
}

// Done takes a directory out that is marked, or gone. read is how many bytes
// of it were read.
func (u *Unsent) Done(directory string, read int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := u.dirs[directory]; d != nil {
		u.total += read - d.Bytes
		delete(u.dirs, directory)
	}
}

// Stays says why a directory is not marked; confirmed is how many bytes of it
// need not be sent again.
func (u *Unsent) Stays(directory string, state State, reason error, confirmed int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := u.dirs[directory]; d != nil {
		d.State, d.Reason = state, reason.Error()
		d.Bytes = max(0, d.Bytes-confirmed)
	}
}

// Total is how many bytes there are to read in all, the better known the more
// of it has been read.
func (u *Unsent) Total() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total
}

// Left sums up what is not marked.
type Left struct {
	Directories    int
	Bytes          int64
	Failed, Locked int
	Oldest         *UnsentDirectory // nil if there is none
}

// Left sums up. known is false until the crawl has ended.
func (u *Unsent) Left() (left Left, known bool) {
	return u.left(func(string) bool { return true })
}

// Below sums up what is not marked below a root. known is false until the crawl
// has ended.
func (u *Unsent) Below(root string) (left Left, known bool) {
	return u.left(func(directory string) bool {
		rest, err := filepath.Rel(root, directory)
		return err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
	})
}

func (u *Unsent) left(counts func(directory string) bool) (left Left, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, d := range u.dirs {
		if !counts(d.Directory) {
			continue
		}
		left.Directories++
		left.Bytes += d.Bytes
		switch d.State {
		case Failed:
			left.Failed++
		case Locked:
			left.Locked++
		}
		if left.Oldest == nil || older(d, left.Oldest) < 0 {
			left.Oldest = d
		}
	}
	if left.Oldest != nil {
		left.Oldest = new(*left.Oldest)
	}
	return left, u.known
}

// First are the first n directories that are not marked: those that failed
// before the locked and the waiting, and among these the oldest first.
func (u *Unsent) First(n int) []UnsentDirectory {
	u.mu.Lock()
	defer u.mu.Unlock()
	rank := map[State]int{Failed: 0, Locked: 1, Waiting: 2}
	list := make([]UnsentDirectory, 0, len(u.dirs))
	for _, d := range u.dirs {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b UnsentDirectory) int {
		return cmp.Or(cmp.Compare(rank[a.State], rank[b.State]), older(&a, &b))
	})
	return list[:min(n, len(list))]
}

func older(a, b *UnsentDirectory) int {
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Directory, b.Directory))
}
