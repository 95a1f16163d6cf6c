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
	open     *os.File
	// only is set if the root was given as a directory of logs. It is the name of that
	// directory, and open is its parent directory.
	only string
}

// OpenRoot opens a root. The path of the root may contain symbolic links; below the root
// none is followed. If the path is a directory of logs, the root has only this directory.
// The caller must close the root.
func OpenRoot(dir string) (*Root, error) {
	if parent, name, ok := directoryOfLogs(dir); ok {
		f, err := os.OpenFile(parent, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		root := &Root{Path: path.Clean(dir), open: f, only: name}
		if path.Base(root.Path) != name { // given through a link, or as "."
			root.Path = path.Join(parent, name)
		}
		return root, nil
	}
	f, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &Root{Path: dir, open: f}, nil
}

// directoryOfLogs splits the path of a directory of logs into parent and name. ok is false
// for every other path.
func directoryOfLogs(dir string) (parent, name string, ok bool) {
	full, err := filepath.Abs(dir)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil || !strings.HasSuffix(full, Suffix) || !hasLogFile(unix.AT_FDCWD, full) {
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
	if err := flock(int(r.open.Fd())); err != nil {
		return &fs.PathError{Op: "lock", Path: r.Path, Err: err}
	}
	return nil
}

// Close releases the root and its lock.
func (r *Root) Close() error { return r.open.Close() }

// Fd returns the descriptor of the root directory, for statfs. The caller must not close
// it.
func (r *Root) Fd() int { return int(r.open.Fd()) }

// Entry is a directory of logs as it was found below its root.
type Entry struct {
	Root *Root
	Rel  string // slash-separated path relative to the root
	Name string // last element of Rel
}

// Path returns the entry's path, for messages.
func (e Entry) Path() string { return e.Root.join(e.Rel) }

// join returns the path of rel below the open directory, for messages.
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
// and continues. [IsHint] tells whether such a report is a failure. The returned error is
// about the root itself, or ctx's.
func (r *Root) Find(ctx context.Context, report func(path string, err error)) ([]Entry, error) {
	var found []Entry
	err := r.walk(ctx, report, func(dir int, e Entry) (enter bool) {
		if IsCulled(e.Name) {
			return false
		}
		logs := hasLog(dir, e.Name)
		if logs {
			found = append(found, e)
		}
		return !logs
	})
	return found, err
}

// hasLog reports whether the directory holds a log, or may hold one that cannot be seen.
func hasLog(parent int, dir string) bool {
	for _, name := range fileNames {
		err := unix.Faccessat(parent, dir+"/"+name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW)
		// Any other error than "does not exist" counts as a log: Open reports the error.
		if err != unix.ENOENT {
			return true
		}
	}
	return false
}

// FindLeftovers returns the directories that an earlier culler may not have finished
// deleting: those with a [CulledName], and those with a mark but without a log, which a
// [Dir.DeleteInPlace] that died can leave.
func (r *Root) FindLeftovers(ctx context.Context, report func(path string, err error)) ([]Entry, error) {
	var found []Entry
	err := r.walk(ctx, report, func(dir int, e Entry) (enter bool) {
		if IsCulled(e.Name) {
			found = append(found, e)
			return false
		}
		if hasLog(dir, e.Name) {
			return false
		}
		if exists(dir, e.Name+"/"+processed) {
			found = append(found, e)
		}
		return true
	})
	return found, err
}

// walk calls visit for every directory whose name ends in .out or was made by CulledName,
// and enters the directory if visit returns true. It enters all other directories. parent
// is the descriptor of the parent directory.
func (r *Root) walk(ctx context.Context, report func(string, error), visit func(parent int, e Entry) (enter bool)) error {
	todo := []string{"."}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		rel := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		full := r.join(rel)
		fd, err := openBeneath(r.Fd(), rel, r.OneMount)
		if err == nil {
			f := os.NewFile(uintptr(fd), full)
			err = r.list(ctx, f, rel, &todo, report, visit)
			_ = f.Close()
		}
		if err == nil || err == unix.ENOENT { // deleted in the meantime
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		if _, ok := errors.AsType[*fs.PathError](err); !ok {
			err = dirError(full, err)
		}
		if rel == "." {
			return err
		}
		report(full, err)
	}
	return nil
}

// list is walk for the single directory rel, which f is open on. It appends the directories
// to enter to todo.
func (r *Root) list(ctx context.Context, f *os.File, rel string, todo *[]string, report func(string, error), visit func(int, Entry) bool) error {
	for ctx.Err() == nil {
		entries, err := f.ReadDir(1024)
		for _, d := range entries {
			if !r.examines(d.Name(), rel) {
				continue
			}
			if d.Type()&fs.ModeSymlink != 0 && hidesLogs(int(f.Fd()), d.Name()) {
				full := r.join(path.Join(rel, d.Name()))
				report(full, &fs.PathError{Op: "enter", Path: full, Err: ErrLink})
			}
			if !d.IsDir() {
				continue
			}
			e := Entry{Root: r, Rel: path.Join(rel, d.Name())}
			e.Name = e.Rel[len(e.Rel)-len(d.Name()):] // one string for both: there may be very many
			if !strings.HasSuffix(e.Name, Suffix) && !IsCulled(e.Name) || visit(int(f.Fd()), e) {
				*todo = append(*todo, e.Rel)
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

// examines reports whether the walk examines name in the directory rel.
func (r *Root) examines(name, rel string) bool {
	if r.only != "" && rel == "." {
		original, whole := name, true
		if IsCulled(name) {
			original, whole = OriginalName(name)
		}
		return whole && original == r.only
	}
	return name != "lost+found" && (name[0] != '.' || IsCulled(name))
}

// hidesLogs reports whether a symbolic link leads to what looks like a directory
// of logs, or to a directory that holds one.
func hidesLogs(dir int, link string) bool {
	var st unix.Stat_t
	if unix.Fstatat(dir, link, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	return strings.HasSuffix(link, Suffix) || hasLogFile(dir, link) || holdsLogs(dir, link)
}

// holdsLogs reports whether a directory holds a directory of logs, as far as its first
// entries show.
func holdsLogs(parent int, dir string) bool {
	fd, err := unix.Openat(parent, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	names, _ := f.Readdirnames(1024)
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix(name, Suffix) && hasLogFile(fd, name)
	})
}

// hasLogFile reports whether the directory certainly holds a log.
func hasLogFile(parent int, dir string) bool {
	for _, name := range fileNames {
		if exists(parent, dir+"/"+name) {
			return true
		}
	}
	return false
}

// exists reports whether a file of that name certainly exists in the directory at.
func exists(at int, name string) bool {
	return unix.Faccessat(at, name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// IsHint reports whether err, which a walk reported for path, is not a failure: path is a
// symbolic link, which is never followed, or a directory of another program that this
// user may not enter.
func IsHint(path string, err error) bool {
	return errors.Is(err, ErrLink) || errors.Is(err, fs.ErrPermission) && !strings.HasSuffix(path, Suffix)
}
