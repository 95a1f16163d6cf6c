package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// deadlineWriter returns stdout as a writer whose writes end although nobody may
// read it: once ctx has ended they have the grace time that messages have
// elsewhere. That holds for pipes; a write to a file ends by itself.
func deadlineWriter(ctx context.Context, stdout io.Writer) io.Writer {
	file, ok := stdout.(*os.File)
	if !ok {
		return stdout
	}
	if file.SetWriteDeadline(time.Time{}) != nil { // the file is in blocking mode, as is usual
		if file = withoutBlocking(file); file == nil {
			return stdout
		}
	}
	context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Now().Add(grace)) }) // it could be set above
	return file
}

// withoutBlocking opens the pipe stdout once more, in non-blocking mode, under
// the same descriptor. Setting O_NONBLOCK on stdout itself would change the mode
// for every process that was given the pipe. The number must stay: Go ends the
// program when a write to descriptor 1 finds that the reader has gone. The result
// is nil if stdout is no pipe or cannot be opened again, as another user's.
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
