package logdir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// UndeletableError is the reason why a directory cannot be deleted whole.
type UndeletableError struct {
	Path string // of the entry that cannot be deleted, or not be renamed
	Err  error
	Hint string // what to do about it
}

func (e *UndeletableError) Error() string { return e.Path + " cannot be deleted: " + e.Err.Error() }

func (e *UndeletableError) Unwrap() error { return e.Err }

var (
	errImmutable  = fmt.Errorf("immutable: %w", unix.EPERM)
	errAppendOnly = fmt.Errorf("append-only: %w", unix.EPERM)
	errSticky     = fmt.Errorf("it belongs to another user, and its directory has the sticky bit: %w", unix.EPERM)
	errLowerLayer = fmt.Errorf("the directory comes from a lower layer of an overlay file system: %w", unix.EXDEV)
)

// checkRenamable returns an error if the directory may not be renamed in its parent, or
// not be removed from it.
func (d *Dir) checkRenamable() error {
	above := path.Dir(d.Path())
	parent, err := openBeneath(d.Root.Fd(), path.Dir(d.Rel), d.Root.OneMount)
	if err != nil {
		return openDirError(above, err)
	}
	defer unix.Close(parent)
	parentAttrs, err := statx(parent, "", unix.STATX_BASIC_STATS)
	if err != nil {
		return &fs.PathError{Op: "stat", Path: above, Err: err}
	}
	attrs, err := statx(d.Fd(), "", unix.STATX_BASIC_STATS)
	if err != nil {
		return &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	if err := checkWritable(parent, above, d.Path(), &parentAttrs); err != nil {
		return err
	}
	if err := checkRemovable(&parentAttrs, &attrs, d.Path()); err != nil {
		return err
	}
	if IsCulled(d.Name) {
		return nil // it was renamed before
	}
	return d.checkOverlay(parent)
}

// checkWritable returns an error if no entry can be removed from the directory dir. The
// error says that victim cannot be deleted.
func checkWritable(dir int, where, victim string, st *unix.Statx_t) error {
	var err error
	var hint string
	switch {
	case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		err, hint = errImmutable, "chattr -i "+where
	case st.Attributes&unix.STATX_ATTR_APPEND != 0:
		err, hint = errAppendOnly, "chattr -a "+where
	default:
		err = unix.Faccessat(dir, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		hint = "let the user that tstat_cull runs as write in " + where
		if err == unix.EROFS {
			hint = "mount the file system read-write; under systemd, name the root in ReadWritePaths"
		}
	}
	if err == nil {
		return nil
	}
	return &UndeletableError{Path: victim, Err: fmt.Errorf("nothing may be removed from %s: %w", where, err), Hint: hint}
}

// unlistableError returns the error of opening a directory for listing, which is necessary
// to delete the directory.
func unlistableError(where string, err error) error {
	if err == unix.EACCES || err == unix.EPERM {
		return &UndeletableError{Path: where, Err: fmt.Errorf("%s may not be listed: %w", where, err), Hint: "let the user that tstat_cull runs as read " + where}
	}
	return openDirError(where, err)
}

// checkRemovable returns an error if the attributes of the directory dir and of its entry
// st forbid to remove or rename the entry: see may_delete in the kernel's
// fs/namei.c.
func checkRemovable(dir, st *unix.Statx_t, full string) error {
	switch {
	case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return &UndeletableError{Path: full, Err: errImmutable, Hint: "chattr -i " + full}
	case st.Attributes&unix.STATX_ATTR_APPEND != 0:
		return &UndeletableError{Path: full, Err: errAppendOnly, Hint: "chattr -a " + full}
	case dir.Mode&unix.S_ISVTX != 0 && !stickyAllows(dir, st):
		return &UndeletableError{Path: full, Err: errSticky, Hint: "chmod -t " + path.Dir(full) + ", or give the file to the user that tstat_cull runs as"}
	}
	return nil
}

// stickyAllows reports whether an entry may be removed from a directory with the
// sticky bit: see __check_sticky in the kernel's fs/namei.c.
func stickyAllows(dir, st *unix.Statx_t) bool {
	self := uint32(unix.Geteuid())
	if st.Uid == self || dir.Uid == self {
		return true
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil || caps[0].Effective&(1<<unix.CAP_FOWNER) == 0 {
		return false
	}
	// A capability reaches as far as the process's user namespace.
	return mapped("/proc/self/uid_map", st.Uid) && mapped("/proc/self/gid_map", st.Gid)
}

// mapped reports whether id exists in a user namespace, given its map. A line of the map
// has a first id inside, a first id outside, and a count. If the map cannot be read, as
// without /proc, all ids exist.
func mapped(file string, id uint32) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(b)) {
		var inside, outside, count uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err == nil && uint64(id)-inside < count {
			return true
		}
	}
	return false
}

// checkOverlay returns an error if an overlay file system refuses to rename the directory.
// Without redirect_dir=on, renaming a directory of a lower layer fails with EXDEV, which
// the directory's attributes do not show. So checkOverlay tries a rename that must fail,
// onto a directory that is not empty: ovl_rename checks for EXDEV first. On a full disk,
// which has no room for that directory, it returns nil.
func (d *Dir) checkOverlay(parent int) (err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.Fd(), &st); err != nil || st.Type != unix.OVERLAYFS_SUPER_MAGIC {
		return nil //nolint:nilerr // the rename itself tells
	}
	failed := func(err error) error {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return nil // the rename itself tells
		}
		return &UndeletableError{Path: d.Path(), Err: fmt.Errorf("try to rename: %w", err), Hint: "see the file system's state"}
	}
	probe := CulledName("probe", token())
	if err := unix.Mkdirat(parent, probe, 0o700); err != nil {
		return failed(err)
	}
	defer func() { _ = unix.Unlinkat(parent, probe, unix.AT_REMOVEDIR) }()
	// The probe gets a mark, so that the next run deletes it as a leftover if this run dies.
	mark := probe + "/" + processed
	fd, err := unix.Openat(parent, mark, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = unix.Unlinkat(parent, mark, 0) }()
	_, err = unix.Write(fd, []byte("processed\n"))
	_ = unix.Close(fd)
	if err != nil {
		return failed(err)
	}
	switch err := unix.Renameat(parent, d.Name, parent, probe); err {
	case unix.ENOTEMPTY, unix.EEXIST:
		return nil
	case unix.EXDEV:
		return &UndeletableError{
			Path: d.Path(), Err: errLowerLayer,
			Hint: "delete it in the lower layer, or mount the overlay with redirect_dir=on",
		}
	case nil:
		return failed(errors.Join(errors.New("another program has emptied the probe "+probe), unix.Renameat(parent, probe, parent, d.Name)))
	default:
		return failed(err)
	}
}

// token returns random digits for a CulledName.
func token() string {
	var b [tokenLen / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
