package logdir

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrLocked means that another process holds the lock, normally another run.
	ErrLocked = errors.New("locked by another run")
	// ErrVanished means that the directory was deleted, renamed or replaced.
	ErrVanished = errors.New("vanished or made anew meanwhile")
	// ErrMount means that another file system is mounted there, which is not entered.
	ErrMount = errors.New("another file system is mounted here, which is not entered")
	// ErrLink means that a symbolic link points to what looks like a directory of logs.
	ErrLink = errors.New("a symbolic link, which is not followed")
	// ErrNested means that a directory within a .out directory has a log. Such a log is
	// never sent.
	ErrNested = errors.New("a log where none is looked for, and so never sent: move its directory out")
	// ErrNotRegular means that a log or state file is not a regular file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNoRoom means that a full disk has no room even for a name.
	ErrNoRoom = errors.New("no room for a new name")
)

const openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// noOpenat2 makes openBeneath work without openat2, as on kernels before 5.6. Tests set it.
var noOpenat2 = false

// openBeneath opens the directory at rel, a slash-separated path below at,
// without following a symbolic link in any component, nor leaving at. With
// oneMount it crosses no mount point: ErrMount.
func openBeneath(at int, rel string, oneMount bool) (int, error) {
	if noOpenat2 {
		return openSteps(at, rel, oneMount)
	}
	how := unix.OpenHow{
		Flags:   openDir,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	if oneMount {
		how.Resolve |= unix.RESOLVE_NO_XDEV
	}
	for range 100 { // EAGAIN: a rename somewhere raced with the resolution
		fd, err := unix.Openat2(at, rel, &how)
		switch err {
		case unix.EINTR, unix.EAGAIN:
			continue
		case unix.ENOSYS, unix.EPERM: // an old kernel; a container's seccomp filter
			return openSteps(at, rel, oneMount)
		case unix.EXDEV:
			return -1, ErrMount
		}
		return fd, err
	}
	return openSteps(at, rel, oneMount)
}

// openSteps is openBeneath for kernels without openat2: one component at a time.
func openSteps(at int, rel string, oneMount bool) (int, error) {
	var home mountID
	if oneMount {
		var err error
		if home, err = mountOf(at); err != nil {
			return -1, err
		}
	}
	fd, owned := at, false
	for step := range strings.SplitSeq(rel, "/") {
		if step == "" || step == ".." {
			return -1, unix.EINVAL
		}
		next, err := retry(func() (int, error) { return unix.Openat(fd, step, openDir, 0) })
		if owned {
			_ = unix.Close(fd)
		}
		if err != nil {
			return -1, err
		}
		fd, owned = next, true
		if oneMount {
			m, err := mountOf(fd)
			if err == nil && m != home {
				err = ErrMount
			}
			if err != nil {
				_ = unix.Close(fd)
				return -1, err
			}
		}
	}
	return fd, nil
}

// mountID identifies a mounted file system. In kernels before 5.8, statx(2) returns no
// number of the mount; mountID is then only the device, and a bind mount of the same file
// system is not detected.
type mountID struct {
	major, minor uint32
	id           uint64
}

func mountIDOf(st *unix.Statx_t) mountID {
	if st.Mask&unix.STATX_MNT_ID != 0 {
		return mountID{id: st.Mnt_id}
	}
	return mountID{major: st.Dev_major, minor: st.Dev_minor}
}

// mountOf returns the mount that the open file fd is on.
func mountOf(fd int) (mountID, error) {
	st, err := statx(fd, "", 0)
	return mountIDOf(&st), err
}

// statx returns the attributes of name in the directory at, or of at itself if name is
// empty. It does not follow a symbolic link.
func statx(at int, name string, mask int) (st unix.Statx_t, err error) {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	_, err = retry(func() (int, error) { return 0, unix.Statx(at, name, flags, mask|unix.STATX_MNT_ID, &st) })
	return st, err
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// openDirError returns the error of opening a directory, with a clearer text.
func openDirError(name string, err error) error {
	switch err {
	case unix.ENOENT:
		err = ErrVanished
	case unix.ELOOP, unix.ENOTDIR:
		err = errors.New("not a directory, or reached through a symbolic link, which is not followed")
	}
	return &fs.PathError{Op: "open", Path: name, Err: err}
}
