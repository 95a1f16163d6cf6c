package cli

import (
	"os"
	"time"
)

// PipeTimeout bounds one read from or write to a named pipe, which blocks until
// another process takes the other end.
const PipeTimeout = 10 * time.Second

// DeadlineWriter writes to a file that is open with O_NONBLOCK. If the file is a
// pipe that nobody reads, a write fails after PipeTimeout.
type DeadlineWriter struct{ File *os.File }

func (d DeadlineWriter) Write(b []byte) (int, error) {
	_ = d.File.SetWriteDeadline(time.Now().Add(PipeTimeout)) // fails on a regular file, which needs none
	return d.File.Write(b)
}
