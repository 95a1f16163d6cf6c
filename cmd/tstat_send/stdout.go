package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// stoppable returns a writer to stdout. Once ctx has ended, writes to a pipe fail after the
// grace time, so that a pipe that nobody reads does not block the program. A write to a
// file needs no deadline.
func stoppable(ctx context.Context, stdout io.Writer) io.Writer {
	file, ok := stdout.(*os.File)
	if !ok {
		return stdout
	}
	if file.SetWriteDeadline(time.Time{}) != nil { // the file is in blocking mode, as stdout usually is
		if file = withoutBlocking(file); file == nil {
			return stdout
		}
	}
	context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Now().Add(grace)) })
	return file
}

// withoutBlocking opens the pipe stdout again, in non-blocking mode, with the same
// descriptor. Setting O_NONBLOCK on stdout itself would change the mode for every process
// that has the pipe. The descriptor must stay 1: Go ends the program when a write to
// descriptor 1 fails because the pipe has no reader (see os/signal, SIGPIPE). The result
// is nil if stdout is not a pipe, or is a pipe of another user.
func withoutBlocking(stdout *os.File) *os.File {
	info, err := stdout.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return nil
	}
	number := int(stdout.Fd())
	again, err := unix.Open("/proc/self/fd/"+strconv.Itoa(number), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(again)
	if unix.Dup3(again, number, unix.O_CLOEXEC) != nil {
		return nil
	}
	return os.NewFile(uintptr(number), stdout.Name())
}
