package logdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxDepth bounds the depth of the trees that are measured and deleted, and so the number
// of open directories. Tstat's directories have one level.
const maxDepth = 64

// Usage is the space that a directory uses.
type Usage struct {
	Bytes int64 // sizes of its regular files
	Disk  int64 // bytes on disk that deleting the directory gives back
	// NeverSent are files that look like logs and that no program reads, such as
	// log_tcp_complete.1: their paths below the directory, at most maxNeverSent.
	NeverSent []string
}

const maxNeverSent = 10

// Measure returns the space that the directory uses, with all its levels, and checks
// whether MoveAway and Delete would succeed. It fails with ErrMount if a file system is
// mounted inside, with ErrNested if a directory inside holds a log, and with an
// UndeletableError if a file cannot be deleted or the directory cannot be renamed.
func (d *Dir) Measure(ctx context.Context) (Usage, error) {
	var u Usage
	home, err := mountOf(d.Fd())
	if err != nil {
		return u, &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	if err := d.renamable(); err != nil {
		return u, err
	}
	return u, u.add(ctx, d.Fd(), d.Path(), "", home, 0)
}

// add enters the directory at; rel is its path below the measured directory
// and where its path for messages.
func (u *Usage) add(ctx context.Context, at int, where, rel string, home mountID, depth int) error {
	self, err := statx(at, "", unix.STATX_BASIC_STATS)
	if err != nil {
		return &fs.PathError{Op: "stat", Path: where, Err: err}
	}
	writable := false // not yet known; an empty directory need not be
	return each(ctx, at, where, depth, func(name string) error {
		if !writable {
			if err := writableDirectory(at, where, where, &self); err != nil {
				return err
			}
			writable = true
		}
		full := path.Join(where, name)
		if depth > 0 && slices.Contains(fileNames[:], name) {
			return &fs.PathError{Op: "delete", Path: full, Err: ErrNested}
		}
		st, err := statx(at, name, unix.STATX_BASIC_STATS)
		if err == unix.ENOENT {
			return nil
		}
		if err != nil {
			return &fs.PathError{Op: "stat", Path: full, Err: err}
		}
		if mountIDOf(&st) != home {
			return &fs.PathError{Op: "enter", Path: full, Err: ErrMount}
		}
		if err := removable(&self, &st, full); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			u.addFile(path.Join(rel, name), &st)
			return nil
		}
		fd, err := openBeneath(at, name, true)
		if err != nil {
			return unlistableError(full, err)
		}
		defer unix.Close(fd)
		return u.add(ctx, fd, full, path.Join(rel, name), home, depth+1)
	})
}

func (u *Usage) addFile(rel string, st *unix.Statx_t) {
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		u.Bytes += int64(st.Size)
		if len(u.NeverSent) < maxNeverSent && looksLikeLog(path.Base(rel)) {
			u.NeverSent = append(u.NeverSent, rel)
		}
	}
	if st.Nlink == 1 {
		u.Disk += int64(st.Blocks) * 512
	}
}

// looksLikeLog reports whether the name of a file that is not a log contains a log's name,
// like files that logrotate, editors and rsync make.
func looksLikeLog(name string) bool {
	return !slices.Contains(fileNames[:], name) &&
		slices.ContainsFunc(logNames[:], func(log string) bool { return strings.Contains(name, log) })
}

// each calls visit with every name in the directory at.
func each(ctx context.Context, at int, where string, depth int, visit func(name string) error) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d levels of directories: remove it by hand", where, maxDepth)
	}
	fd, err := openBeneath(at, ".", true)
	if err != nil {
		return unlistableError(where, err)
	}
	f := os.NewFile(uintptr(fd), where)
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(name); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// MoveAway renames the locked directory, in its parent, to a CulledName. If the renaming
// hit another directory of the same name, MoveAway undoes it and fails with ErrVanished.
// On a full disk it fails with ErrNoRoom if the parent has no room for the new name.
func (d *Dir) MoveAway() (err error) {
	// Most blocks of the parent may be full. The hash of a name decides which
	// block the name goes to (ext4), so several names are tried.
	for range 100 {
		err = d.rename(CulledName(d.Name, token()))
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrNoRoom, err)
}

// MoveBack gives a directory that was moved away its original name. It fails with
// fs.ErrExist if another file has that name now.
func (d *Dir) MoveBack() error {
	name, ok := OriginalName(d.Name)
	if !ok {
		return fmt.Errorf("%s: its name was cut when it was moved away: give it one that ends in %s", d.Path(), Suffix)
	}
	return d.rename(name)
}

func (d *Dir) rename(to string) error {
	fail := func(err error) error {
		return &os.LinkError{Op: "rename", Old: d.Path(), New: path.Join(path.Dir(d.Path()), to), Err: err}
	}
	parent, err := openBeneath(d.Root.Fd(), path.Dir(d.Rel), d.Root.OneMount)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(parent)
	if err := renameNew(parent, d.Name, to); err != nil {
		if err == unix.ENOENT {
			err = ErrVanished
		}
		return fail(err)
	}
	moved := *d
	moved.Name, moved.Rel = to, path.Join(path.Dir(d.Rel), to)
	if err := moved.StillThere(); err != nil {
		return errors.Join(fail(err), renameNew(parent, to, d.Name))
	}
	*d = moved
	return nil
}

// renameNew renames within a directory and replaces nothing.
func renameNew(at int, from, to string) error {
	_, err := retry(func() (int, error) { return 0, unix.Renameat2(at, from, at, to, unix.RENAME_NOREPLACE) })
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// The file system does not know RENAME_NOREPLACE. Even if another program creates to
	// after this check, Renameat replaces only an empty directory.
	if err := unix.Faccessat(at, to, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW); err != unix.ENOENT {
		return unix.EEXIST
	}
	_, err = retry(func() (int, error) { return 0, unix.Renameat(at, from, at, to) })
	return err
}

// IsEmpty reports whether the directory holds nothing.
func (d *Dir) IsEmpty(ctx context.Context) (bool, error) {
	return d.holdsOnly(ctx, "")
}

// HoldsOnlyMark reports whether the directory holds nothing but its .processed, if it has
// one.
func (d *Dir) HoldsOnlyMark(ctx context.Context) (bool, error) {
	return d.holdsOnly(ctx, processed)
}

// holdsOnly reports whether the directory holds no file but the one called name.
func (d *Dir) holdsOnly(ctx context.Context, name string) (bool, error) {
	errOther := errors.New("another file")
	err := each(ctx, d.Fd(), d.Path(), 0, func(found string) error {
		if found == name {
			return nil
		}
		return errOther
	})
	if errors.Is(err, errOther) {
		return false, nil
	}
	return err == nil, err
}

// Delete deletes a directory that was moved away, with everything in it. It deletes
// .processed last, so that the rest after a crash still shows that everything was sent. It
// follows no link and crosses no mount. It stops when ctx ends. begun reports whether
// anything was deleted.
func (d *Dir) Delete(ctx context.Context) (begun bool, err error) {
	if !IsCulled(d.Name) {
		panic("BUG: " + d.Path() + " is deleted before it was moved away")
	}
	return d.delete(ctx)
}

// DeleteInPlace is Delete for a directory that MoveAway could not rename because of
// ErrNoRoom. After a crash the directory still has its mark, and the remaining logs are
// unchanged. [Root.FindLeftovers] finds the directory if no log remains.
func (d *Dir) DeleteInPlace(ctx context.Context) (begun bool, err error) {
	if err := d.StillThere(); err != nil {
		return false, err
	}
	return d.delete(ctx)
}

func (d *Dir) delete(ctx context.Context) (begun bool, err error) {
	r := remover{ctx: ctx}
	if err := r.empty(d.Fd(), d.Path(), processed, 0); err != nil {
		return r.begun, err
	}
	if err := r.remove(d.Fd(), processed, path.Join(d.Path(), processed), 0); err != nil {
		return r.begun, err
	}
	parent, err := openBeneath(d.Root.Fd(), path.Dir(d.Rel), d.Root.OneMount)
	if err != nil {
		return r.begun, openDirError(path.Dir(d.Path()), err)
	}
	defer unix.Close(parent)
	return r.begun, r.remove(parent, d.Name, d.Path(), unix.AT_REMOVEDIR)
}

// remover deletes a tree.
type remover struct {
	ctx   context.Context
	begun bool // something has been deleted
}

// empty deletes everything in the directory at except the name keep.
func (r *remover) empty(at int, where, keep string, depth int) error {
	// Deleting may hide names from a listing: repeat until a listing is empty.
	for found, pass := true, 0; found && pass < 100; pass++ {
		found = false
		err := each(r.ctx, at, where, depth, func(name string) error {
			if name == keep {
				return nil
			}
			found = true
			full := path.Join(where, name)
			err := r.remove(at, name, full, 0)
			if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
				return err
			}
			fd, openErr := openBeneath(at, name, true)
			if openErr == unix.ENOTDIR || openErr == unix.ELOOP {
				return err // a file that may not be removed
			}
			if openErr != nil {
				return openDirError(full, openErr)
			}
			defer unix.Close(fd)
			if err := r.empty(fd, full, "", depth+1); err != nil {
				return err
			}
			return r.remove(at, name, full, unix.AT_REMOVEDIR)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *remover) remove(at int, name, full string, flags int) error {
	err := removeAt(at, name, full, flags)
	if err == nil {
		r.begun = true
	}
	return err
}

// removeAt is unlinkat; it is no error if the name is gone.
func removeAt(at int, name, full string, flags int) error {
	_, err := retry(func() (int, error) { return 0, unix.Unlinkat(at, name, flags) })
	if err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "remove", Path: full, Err: err}
	}
	return nil
}
