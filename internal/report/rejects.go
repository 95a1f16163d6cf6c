package report

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

// Rejects is a file of malformed rows. A line is FILE:LINE: REASON: ROW. FILE and
// ROW are escaped as in a Go string. Reject and Sync may be called from many goroutines
// at once.
type Rejects struct {
	mu     sync.Mutex
	file   *os.File
	w      *bufio.Writer
	dirty  bool // rows were added since the last Sync
	failed bool
}

// OpenRejects opens the file to append to it. It returns nil for an empty path;
// Close may be called on nil.
func OpenRejects(path string) (*Rejects, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, err
	}
	return &Rejects{file: f, w: bufio.NewWriterSize(cli.DeadlineWriter{File: f}, 64<<10)}, nil
}

// Reject adds a row. After the first error it drops rows and returns nil.
func (r *Rejects) Reject(file string, line int64, reason string, text []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return nil
	}
	_, err := fmt.Fprintf(r.w, "%s:%d: %s: %s\n", escaped(file), line, reason, escaped(string(text)))
	r.dirty, r.failed = true, err != nil
	return err
}

func escaped(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

// Sync writes all rows added so far to the disk. It does nothing after the first error.
func (r *Rejects) Sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed || !r.dirty {
		return nil
	}
	err := r.w.Flush()
	if err == nil {
		err = r.file.Sync()
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) { // a pipe, a terminal
			err = nil
		}
	}
	r.dirty, r.failed = false, err != nil
	return err
}

// Close writes the rows that are still buffered, and closes the file.
func (r *Rejects) Close() error {
	if r == nil {
		return nil
	}
	var err error
	if !r.failed {
		err = r.w.Flush()
	}
	return errors.Join(err, r.file.Close())
}
