package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/atomicfile"
	"tstat-transport/internal/cli"
)

// writeFileAtomic replaces the file at path. write writes the new content. At any
// moment, crashes included, path is the complete old file or the complete new file.
// writeFileAtomic follows a symbolic link, but replaces a link whose target does not
// exist. If path is not a regular file (a pipe, a terminal), or is the file behind standard
// output or standard error, it is written to directly. A socket must be standard output or
// standard error, since no socket can be opened by its path.
func writeFileAtomic(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	switch info, e := os.Stat(path); {
	case e == nil && info.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR}
	case e == nil && (info.Mode().IsRegular() || info.Mode()&fs.ModeSocket != 0) && standardStream(info) != nil:
		return write(standardStream(info)) // --report /dev/stderr with 2>> FILE, or with systemd's journal
	case e == nil && !info.Mode().IsRegular():
		return writeDirectly(path, write)
	case e == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	case !errors.Is(e, fs.ErrNotExist):
		return e
	}
	parent, name := filepath.Split(path)
	dir, err := os.Open(cmp.Or(parent, "."))
	if err != nil {
		return err
	}
	defer dir.Close()
	// The random number keeps two programs that write the same path apart. The name
	// does not end in .prom, so node_exporter ignores the temporary file.
	f, err := atomicfile.Create(dir, fmt.Sprintf(".%s.%x.tmp", name, rand.Uint64()), 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Chmod(mode)); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit(name)
}

// standardStream returns standard output or standard error if it is the file that info
// describes, else nil. If such a file were replaced, the other lines in it would be lost.
func standardStream(info fs.FileInfo) *os.File {
	for _, stream := range []*os.File{os.Stdout, os.Stderr} {
		if of, err := stream.Stat(); err == nil && os.SameFile(of, info) {
			return stream
		}
	}
	return nil
}

func writeDirectly(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(cli.DeadlineWriter{File: f}), f.Close())
}
