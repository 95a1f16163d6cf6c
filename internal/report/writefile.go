package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

// writeFileAtomic replaces the file at path by what write writes: at any moment,
// crashes included, path is the whole old file or the whole new one. It follows
// a symbolic link. If path is not a regular file (a pipe, /dev/stderr) it is
// written to directly.
func writeFileAtomic(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	switch info, e := os.Stat(path); {
	case e == nil && info.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR}
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
	// The name does not end in .prom, so that node_exporter ignores the file.
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
	if err := write(cli.DeadlineWriter{File: f}); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// syncDir makes the names in a directory durable, if its file system can.
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
