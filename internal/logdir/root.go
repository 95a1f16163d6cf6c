package logdir

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is a directory given on the command line, below which Tstat writes.
type Root struct {
	Path string
	// Instance is the instance id of the root's Tstat; empty if it has none of its own.
	Instance string
	// OneMount keeps Find and Open from entering other file systems mounted
	// below the root.
	OneMount bool
	// only is the name of the directory of logs if the root was given as one; else empty.
	only string
	file *os.File // the open root directory, or the parent directory of only
}

// OpenRoot opens a root. The path of the root may contain symbolic links; below the root
// none is followed. If the path is a directory of logs, the root has only this directory.
// The caller must close the root.
func OpenRoot(dir string) (*Root, error) {
	root := &Root{Path: dir}
	if parent, name, ok := directoryOfLogs(dir); ok {
		root.Path, root.only = path.Clean(dir), name
		if path.Base(root.Path) != name { // given through a link, or as "."
			root.Path = path.Join(parent, name)
		}
		dir = parent
	}
	var err error
	root.file, err = os.OpenFile(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return root, nil
}

// directoryOfLogs splits the path of a directory of logs into parent and name. ok is false
// for every other path.
func directoryOfLogs(dir string) (parent, name string, ok bool) {
	full, err := filepath.Abs(dir)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil || !strings.HasSuffix(full, Suffix) || !hasLog(unix.AT_FDCWD, full) {
		return "", "", false
	}
	return filepath.Dir(full), filepath.Base(full), true
}

// Lock takes the exclusive lock on the root directory until Close, or fails with
// ErrLocked. For a root that was given as a directory of logs it does nothing: [Open]
// locks that directory.
func (r *Root) Lock() error {
	if r.only != "" {
		return nil
	}
	if err := flock(r.Fd()); err != nil {
		return &fs.PathError{Op: "lock", Path: r.Path, Err: err}
	}
	return nil
}

// Close releases the root and its lock.
func (r *Root) Close() error { return r.file.Close() }

// Fd returns the descriptor of the open directory. The caller must not close it.
func (r *Root) Fd() int { return int(r.file.Fd()) }

// Entry is a directory of logs as it was found below its root.
type Entry struct {
	Root *Root
	Rel  string // slash-separated path relative to Root.Fd
	Name string // last element of Rel
}

// Path returns the entry's path, for messages.
func (e Entry) Path() string { return e.Root.join(e.Rel) }

// join returns the path of rel, which is relative to the open directory, for messages.
func (r *Root) join(rel string) string {
	if r.only != "" {
		return path.Join(path.Dir(r.Path), rel)
	}
	return path.Join(r.Path, rel)
}

// Find walks the root and returns every directory whose name ends in .out and that holds
// a log, in no particular order. It follows no symbolic link and does not enter the
// directories that it returns. It enters a .out directory without a log, since Tstat
// makes such a directory for a capture file (trace.pcap.out). It skips lost+found and
// directories whose names begin with a dot, such as snapshots. Find calls report for a
// directory that it cannot enter, and for a symbolic link that hides a directory of logs,
// and continues: see [IsHarmless]. The returned error is about the root itself, or ctx's.
func (r *Root) Find(ctx context.Context, report func(path string, err error)) ([]Entry, error) {
	var found []Entry
	err := r.walk(ctx, report, func(parent int, e Entry) (enter bool) {
		if IsCulled(e.Name) {
			return false
		}
		if mayHaveLog(parent, e.Name) {
			found = append(found, e)
			return false
		}
		return true
	})
	return found, err
}

// FindLeftovers returns the directories that an earlier culler may not have finished
// deleting: those with a [CulledName], and those with a mark but without a log, which a
// [Dir.DeleteInPlace] that died can leave.
func (r *Root) FindLeftovers(ctx context.Context, report func(path string, err error)) ([]Entry, error) {
	var found []Entry
	err := r.walk(ctx, report, func(parent int, e Entry) (enter bool) {
		if IsCulled(e.Name) {
			found = append(found, e)
			return false
		}
		if mayHaveLog(parent, e.Name) {
			return false
		}
		if exists(parent, e.Name+"/"+processed) {
			found = append(found, e)
		}
		return true
	})
	return found, err
}

// walker walks a root.
type walker struct {
	root   *Root
	todo   []string // the directories to enter, relative to the root
	report func(path string, err error)
	// visit is called for every directory whose name ends in .out or was made by
	// CulledName, with the descriptor of its parent. If visit returns false, the walker
	// does not enter the directory. It enters all other directories.
	visit func(parent int, e Entry) (enter bool)
}

func (r *Root) walk(ctx context.Context, report func(string, error), visit func(parent int, e Entry) (enter bool)) error {
	w := walker{r, []string{"."}, report, visit}
	for len(w.todo) > 0 {
		rel := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		err := w.enter(ctx, rel)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case rel == ".":
			return err
		default:
			report(r.join(rel), err)
		}
	}
	return nil
}

// enter visits the directories in the directory rel, and appends to todo those to enter.
func (w *walker) enter(ctx context.Context, rel string) error {
	full := w.root.join(rel)
	fd, err := openBeneath(w.root.Fd(), rel, w.root.OneMount)
	if err == unix.ENOENT { // deleted in the meantime
		return nil
	}
	if err != nil {
		return openDirError(full, err)
	}
	f := os.NewFile(uintptr(fd), full)
	defer f.Close()
	for ctx.Err() == nil {
		entries, err := f.ReadDir(1024)
		for _, d := range entries {
			if !w.root.examines(d.Name(), rel) {
				continue
			}
			e := Entry{Root: w.root, Rel: path.Join(rel, d.Name())}
			e.Name = path.Base(e.Rel) // shares the memory of Rel
			if d.Type()&fs.ModeSymlink != 0 && leadsToLogs(fd, e.Name) {
				w.report(e.Path(), &fs.PathError{Op: "enter", Path: e.Path(), Err: ErrLink})
			}
			if !d.IsDir() {
				continue
			}
			mustVisit := strings.HasSuffix(e.Name, Suffix) || IsCulled(e.Name)
			if !mustVisit || w.visit(fd, e) {
				w.todo = append(w.todo, e.Rel)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *Root) examines(name, rel string) bool {
	if r.only != "" && rel == "." {
		original, ok := OriginalName(name)
		return name == r.only || ok && original == r.only
	}
	return name != "lost+found" && (name[0] != '.' || IsCulled(name))
}

// leadsToLogs reports whether a symbolic link leads to what looks like a directory of
// logs, or to a directory that holds one.
func leadsToLogs(parent int, link string) bool {
	var st unix.Stat_t
	if unix.Fstatat(parent, link, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	return strings.HasSuffix(link, Suffix) || hasLog(parent, link) || hasDirectoryOfLogs(parent, link)
}

// hasDirectoryOfLogs reports whether a directory of logs is among the first entries of a
// directory. It follows a symbolic link.
func hasDirectoryOfLogs(parent int, dir string) bool {
	fd, err := unix.Openat(parent, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	names, _ := f.Readdirnames(1024)
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix(name, Suffix) && hasLog(fd, name)
	})
}

// hasLog reports whether the directory dir, a path from parent, certainly holds a log.
func hasLog(parent int, dir string) bool {
	return slices.ContainsFunc(fileNames[:], func(name string) bool { return exists(parent, dir+"/"+name) })
}

// mayHaveLog is like hasLog, but a log whose existence cannot be checked counts, so that
// opening or reading the directory reports the error.
func mayHaveLog(parent int, dir string) bool {
	return slices.ContainsFunc(fileNames[:], func(name string) bool { return access(parent, dir+"/"+name) != unix.ENOENT })
}

// exists reports whether a file of that name certainly exists in the directory at.
func exists(at int, name string) bool { return access(at, name) == nil }

// access returns nil if a file of that name exists in the directory at.
func access(at int, name string) error {
	return unix.Faccessat(at, name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW)
}

// IsHarmless reports whether err, which a walk reported for path, is not a failure: path is a
// symbolic link, which is never followed, or a directory that this user may not enter and
// whose name does not end in .out: it may be another program's.
func IsHarmless(path string, err error) bool {
	return errors.Is(err, ErrLink) || errors.Is(err, fs.ErrPermission) && !strings.HasSuffix(path, Suffix)
}
