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
	home, err := mountOf(d.Fd())
	if err != nil {
		return Usage{}, &fs.PathError{Op: "stat", Path: d.Path(), Err: err}
	}
	if err := d.checkRenamable(); err != nil {
		return Usage{}, err
	}
	m := measurer{ctx: ctx, home: home, where: d.Path()}
	err = m.measure(d.Fd(), "", 0)
	return m.usage, err
}

// measurer measures a directory with all its levels.
type measurer struct {
	ctx   context.Context
	home  mountID // the mount that the directory is on
	where string  // the directory's path, for messages
	usage Usage
}

// measure measures the open directory dir. rel is its path below the measured directory.
func (m *measurer) measure(dir int, rel string, depth int) error {
	where := path.Join(m.where, rel)
	self, err := statx(dir, "", unix.STATX_BASIC_STATS)
	if err != nil {
		return &fs.PathError{Op: "stat", Path: where, Err: err}
	}
	writable := false // checked at the first name: an empty directory need not be writable
	return eachName(m.ctx, dir, where, depth, func(name string) error {
		if !writable {
			if err := checkWritable(dir, where, where, &self); err != nil {
				return err
			}
			writable = true
		}
		full := path.Join(where, name)
		if depth > 0 && slices.Contains(fileNames[:], name) {
			return &fs.PathError{Op: "delete", Path: full, Err: ErrNested}
		}
		st, err := statx(dir, name, unix.STATX_BASIC_STATS)
		if err == unix.ENOENT {
			return nil
		}
		if err != nil {
			return &fs.PathError{Op: "stat", Path: full, Err: err}
		}
		if mountIDOf(&st) != m.home {
			return &fs.PathError{Op: "enter", Path: full, Err: ErrMount}
		}
		if err := checkRemovable(&self, &st, full); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			m.usage.addFile(path.Join(rel, name), &st)
			return nil
		}
		fd, err := openBeneath(dir, name, true)
		if err != nil {
			return unlistableError(full, err)
		}
		defer unix.Close(fd)
		return m.measure(fd, path.Join(rel, name), depth+1)
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

// eachName calls visit with every name in the directory dir. where is its path, for
// messages.
func eachName(ctx context.Context, dir int, where string, depth int, visit func(name string) error) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d levels of directories: remove it by hand", where, maxDepth)
	}
	fd, err := openBeneath(dir, ".", true)
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

// rename renames the directory in its parent, and d with it.
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
	if err := moved.StillThere(); err != nil { // another directory was renamed
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
	// The file system does not know RENAME_NOREPLACE. Even if another program creates the
	// new name after this check, Renameat replaces only an empty directory.
	if access(at, to) != unix.ENOENT {
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
	err := eachName(ctx, d.Fd(), d.Path(), 0, func(found string) error {
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
// ErrNoRoom. It deletes the logs after all other files but the mark. Before it deletes the
// mark, it renames the directory if there is room now. After a crash the remaining logs are
// unchanged. If no log remains, [Root.FindLeftovers] finds the directory: it has been
// renamed, or holds nothing but its mark.
func (d *Dir) DeleteInPlace(ctx context.Context) error {
	if err := d.StillThere(); err != nil {
		return err
	}
	_, err := d.delete(ctx)
	return err
}

func (d *Dir) delete(ctx context.Context) (begun bool, err error) {
	r := remover{ctx: ctx}
	for _, keep := range [][]string{append(fileNames[:], processed), {processed}} {
		if err := r.empty(d.Fd(), d.Path(), 0, keep...); err != nil {
			return r.begun, err
		}
	}
	if !IsCulled(d.Name) {
		// The deleted files have made room for the other name. Under its own name, the
		// directory would stay for ever if a crash left it without its mark.
		if err := d.MoveAway(); err != nil && !errors.Is(err, ErrNoRoom) {
			return r.begun, err
		}
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

// empty deletes everything in the directory dir except the names keep.
func (r *remover) empty(dir int, where string, depth int, keep ...string) error {
	// Deleting may hide names from a listing: repeat until a listing is empty.
	for found, pass := true, 0; found && pass < 100; pass++ {
		found = false
		err := eachName(r.ctx, dir, where, depth, func(name string) error {
			if slices.Contains(keep, name) {
				return nil
			}
			found = true
			return r.removeAll(dir, name, path.Join(where, name), depth)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeAll deletes a file of the directory dir, or a directory with everything in it.
func (r *remover) removeAll(dir int, name, full string, depth int) error {
	err := r.remove(dir, name, full, 0)
	mayBeDirectory := errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM)
	if !mayBeDirectory {
		return err
	}
	fd, openErr := openBeneath(dir, name, true)
	if openErr == unix.ENOTDIR || openErr == unix.ELOOP {
		return err // a file that may not be removed
	}
	if openErr != nil {
		return openDirError(full, openErr)
	}
	defer unix.Close(fd)
	if err := r.empty(fd, full, depth+1); err != nil {
		return err
	}
	return r.remove(dir, name, full, unix.AT_REMOVEDIR)
}

// remove calls unlinkat(2). It is no error if the name is gone.
func (r *remover) remove(dir int, name, full string, flags int) error {
	_, err := retry(func() (int, error) { return 0, unix.Unlinkat(dir, name, flags) })
	switch err {
	case nil:
		r.begun = true
	case unix.ENOENT:
	default:
		return &fs.PathError{Op: "remove", Path: full, Err: err}
	}
	return nil
}
