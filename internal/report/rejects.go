package report

import (
	"bufio"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

// Rejects is a file of malformed rows: FILE:LINE: REASON: ROW, the row as it
// stood in the log. Its methods may be called from many goroutines at once.
type Rejects struct {
	mu     sync.Mutex
	file   *os.File
	w      *bufio.Writer
	failed bool
}

// OpenRejects opens the file to append to it. With an empty path it is nil,
// which Close takes.
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

// Reject adds a row. An error is told once: the rows after it are not in the
// file either.
func (r *Rejects) Reject(file string, line int64, reason string, text []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed {
		return nil
	}
	_, err := fmt.Fprintf(r.w, "%s:%d: %s: %s\n", file, line, reason, text)
	r.failed = err != nil
	return err
}

// Close writes out what is left.
func (r *Rejects) Close() error {
	if r == nil {
		return nil
	}
	var err error
	if !r.failed {
		err = r.w.Flush()
	}
	if e := r.file.Close(); err == nil {
		err = e
	}
	return err
}
