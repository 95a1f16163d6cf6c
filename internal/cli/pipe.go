package cli

import (
	"os"
	"time"
)

// PipeTimeout bounds one write to a named pipe, and the reading of a pipe to its end. Both
// block while the process at the other end does nothing.
const PipeTimeout = 10 * time.Second

// DeadlineWriter writes to a file that is open with O_NONBLOCK. If the file is a
// full pipe that nobody reads, a write fails after PipeTimeout.
type DeadlineWriter struct{ File *os.File }

func (d DeadlineWriter) Write(b []byte) (int, error) {
	_ = d.File.SetWriteDeadline(time.Now().Add(PipeTimeout)) // fails on a regular file, which needs none
	return d.File.Write(b)
}
