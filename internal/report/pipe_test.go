package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPipes: writing to a named pipe without a reader is an error and does not hang;
// a pipe with a reader gets the text.
func TestPipes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(w io.Writer) error {
		_, err := w.Write([]byte("text"))
		return err
	}
	reject := func() error {
		r, err := OpenRejects(path)
		if err != nil {
			return err
		}
		return errors.Join(r.Reject("log", 1, "short", []byte("row")), r.Close())
	}
	for name, use := range map[string]func() error{
		"report":  func() error { return writeFileAtomic(path, 0o644, write) },
		"rejects": reject,
	} {
		done := make(chan error, 1)
		go func() { done <- use() }()
		select {
		case err := <-done:
			if !errors.Is(err, unix.ENXIO) {
				t.Errorf("%s, nobody reads: %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s hangs", name)
		}
		r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := use(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := io.ReadAll(r); err != nil || len(text) == 0 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		_ = r.Close()
	}
}

// TestReportToASocket: standard error that is a socket, as under systemd, takes a report.
func TestReportToASocket(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader, stderr := os.NewFile(uintptr(ends[0]), "reader"), os.NewFile(uintptr(ends[1]), "stderr")
	defer reader.Close()
	defer func(file *os.File) { os.Stderr = file }(os.Stderr)
	os.Stderr = stderr
	err = writeFileAtomic(fmt.Sprintf("/proc/self/fd/%d", ends[1]), 0o644, func(w io.Writer) error {
		_, err := io.WriteString(w, "text")
		return err
	})
	if err := errors.Join(err, stderr.Close()); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}
