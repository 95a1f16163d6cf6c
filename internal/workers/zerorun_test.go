package workers

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"tstat-transport/internal/logdir"
)

// A single zero byte is not a run: it is part of a name.
func TestZeroRun(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := zeroRun([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	f("", -1)
	f("a\x00b", -1)
	f("a\x00", -1)
	f("\x00\x00", 0)
	f("a\x00b\x00\x00\x00", 3)
}

// Zero bytes before a read error are not zero bytes at the end of the log.
func TestZerosThenError(t *testing.T) {
	head := headerA + "\n" + rowA + "\n"
	log := head + strings.Repeat("\x00", 2*blockSize)
	src := &failing{strings.NewReader(log), len(log) - 10}
	r := &logReader{open: func(logdir.LogState, int64) (*stretchReader, error) { return readerOf(nullFile(t), src), nil }}
	if err := r.openStretch(); err != nil {
		t.Fatal(err)
	}
	b := newBlock()
	for r.next(b); !b.last; {
		r.next(b)
	}
	if !errors.Is(b.err, syscall.EIO) || b.zeroTail || b.position != int64(len(head)) {
		t.Errorf("error %v, zeros at the end: %v, position %d, want %v, false and %d", b.err, b.zeroTail, b.position, syscall.EIO, len(head))
	}
}
