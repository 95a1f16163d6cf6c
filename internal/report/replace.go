package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// replace has write make a new file in the place of path, so that at any
// moment, crashes included, the old or the new one stands there, complete. It
// goes through a symbolic link. What is there and no regular file, such as a
// pipe or /dev/stderr, is written to as it is.
func replace(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	switch info, e := os.Stat(path); {
	case e == nil && info.IsDir():
		return &fs.PathError{Op: "replace", Path: path, Err: unix.EISDIR}
	case e == nil && !info.Mode().IsRegular():
		return overwrite(path, write)
	case e == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	case !errors.Is(e, fs.ErrNotExist):
		return e
	}
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	// The name does not end as path does: who collects *.prom passes it over.
	f, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func overwrite(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if err := write(patient{f}); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// patience is how long a pipe may take to be read.
const patience = 10 * time.Second

// patient is a file, opened not to block, whose writes end: it may be a pipe
// that nobody reads.
type patient struct{ file *os.File }

func (p patient) Write(b []byte) (int, error) {
	_ = p.file.SetWriteDeadline(time.Now().Add(patience)) // fails on a regular file, which needs none
	return p.file.Write(b)
}

// syncDir makes a directory's names durable, where its file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
