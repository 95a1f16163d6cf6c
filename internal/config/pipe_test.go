package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPipe: a named pipe without a writer does not hang Load, and a pipe with a writer is
// read.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.ini")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	load := func() (Rabbit, error) {
		t.Helper()
		type result struct {
			r   Rabbit
			err error
		}
		done := make(chan result, 1)
		go func() {
			f, err := Load(path)
			if err != nil {
				done <- result{Rabbit{}, err}
				return
			}
			r, err := f.Rabbit()
			done <- result{r, err}
		}()
		select {
		case r := <-done:
			return r.r, r.err
		case <-time.After(20 * time.Second):
			t.Fatal("hangs")
			return Rabbit{}, nil
		}
	}
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "no section [rabbit]") {
		t.Errorf("nobody writes: %v", err)
	}
	// As long as r is open, the text stays in the pipe, even if w is closed before Load opens it.
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("[rabbit]\nhost = h\nport = 5672\nqueue = q\n"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = w.Close() })
	if r, err := load(); err != nil || len(r.Hosts) != 1 {
		t.Errorf("somebody writes: %+v, %v", r, err)
	}
}
