package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// patient is stdout, with writes that end although nobody may read it: from the
// end of ctx they have the grace time, as messages elsewhere. That is so for
// pipes; a write to a file ends by itself.
func patient(ctx context.Context, stdout io.Writer) io.Writer {
	file, ok := stdout.(*os.File)
	if !ok {
		return stdout
	}
	if file.SetWriteDeadline(time.Time{}) != nil { // its writes block, as is usual
		if file = withoutBlocking(file); file == nil {
			return stdout
		}
	}
	context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Now().Add(grace)) }) // it could be set above
	return file
}

// withoutBlocking is the same pipe under the same number, opened once more:
// not to block is a property that all who were given the pipe would share. By
// the number Go knows standard output, and ends the program when the reader of
// that has gone. It is nil where stdout is no pipe or cannot be had again, as
// another user's.
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
