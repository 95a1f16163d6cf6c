package logdir

import (
	"context"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// Nested returns an ErrNested for each directory directly within this one that holds a
// log. tstat_cull keeps the outer directory, so tstat_send names the inner ones.
func (d *Dir) Nested(ctx context.Context) (nested []error, err error) {
	err = eachName(ctx, d.Fd(), d.Path(), 0, func(name string) error {
		var st unix.Stat_t
		if unix.Fstatat(d.Fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && hasLog(d.Fd(), name) {
			nested = append(nested, &fs.PathError{Op: "enter", Path: path.Join(d.Path(), name), Err: ErrNested})
		}
		return nil
	})
	return nested, err
}
