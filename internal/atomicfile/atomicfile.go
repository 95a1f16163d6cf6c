// Package atomicfile writes a file under a temporary name and then renames it. At any
// moment the final name is the complete old file or the complete new file, also after a
// crash, but see [File.CommitUnsynced].
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/failpoint"
)

// File is a file under its temporary name. The caller writes it, then calls
// Commit or Discard.
type File struct {
	*os.File
	dir  *os.File
	name string // the temporary name; empty once File is committed or discarded
}

// Create creates a file with the temporary name in the open directory dir, which must
// stay open until Commit or Discard. It replaces a file of that name that a crash has
// left.
func Create(dir *os.File, name string, mode fs.FileMode) (*File, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	f, err := open(dir, name, "create", flags, mode)
	if errors.Is(err, fs.ErrExist) {
		if err := Remove(dir, name); err != nil {
			return nil, err
		}
		f, err = open(dir, name, "create", flags, mode)
	}
	if err == nil {
		failpoint.Hit("created")
	}
	return f, err
}

// Reopen opens the file name in the open directory dir as if name were the temporary
// name of the returned File: Commit renames it, Discard removes it. The file keeps its
// content until the caller overwrites it.
func Reopen(dir *os.File, name string) (*File, error) {
	return open(dir, name, "open", unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

func open(dir *os.File, name, op string, flags int, mode fs.FileMode) (*File, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(int(dir.Fd()), name, flags, uint32(mode.Perm()))
		return err
	})
	path := filepath.Join(dir.Name(), name)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	return &File{os.NewFile(uintptr(fd), path), dir, name}, nil
}

// Commit syncs the file, renames it to name, which replaces an older file, and syncs
// the directory. If the file cannot be synced or renamed, Commit removes the
// temporary file.
func (f *File) Commit(name string) error {
	failpoint.Hit("unsynced")
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Discard())
	}
	if err := f.CommitUnsynced(name); err != nil {
		return err
	}
	return SyncDir(f.dir)
}

// CommitUnsynced is Commit without the syncing. After a crash of the machine the file
// may be missing or empty, and an older file lost.
func (f *File) CommitUnsynced(name string) error {
	if err := f.Close(); err != nil {
		return errors.Join(err, f.Discard())
	}
	failpoint.Hit("written")
	at := int(f.dir.Fd())
	if err := retry(func() error { return unix.Renameat(at, f.name, at, name) }); err != nil {
		err = &fs.PathError{Op: "rename", Path: filepath.Join(f.dir.Name(), name), Err: err}
		return errors.Join(err, f.Discard())
	}
	failpoint.Hit("renamed")
	f.name = ""
	return nil
}

// Discard closes and removes the temporary file. It does nothing after Commit.
func (f *File) Discard() error {
	if f.name == "" {
		return nil
	}
	_ = f.Close() // Commit may have closed it
	err := Remove(f.dir, f.name)
	f.name = ""
	return err
}

// Remove removes a file of an open directory. A file that does not exist is no error.
func Remove(dir *os.File, name string) error {
	err := retry(func() error { return unix.Unlinkat(int(dir.Fd()), name, 0) })
	if err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "remove", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	return nil
}

// SyncDir makes the names in a directory durable, if its file system can.
func SyncDir(dir *os.File) error {
	err := dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// retry repeats a system call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
