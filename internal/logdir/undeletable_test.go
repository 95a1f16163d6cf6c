package logdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

// chattr sets attributes of a file until the test ends, even if the file is renamed.
func chattr(t *testing.T, path string, flags int) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOTSUP) {
		_ = f.Close()
		t.Skipf("no attributes can be set here: %v", err)
	}
	must(t, err)
	t.Cleanup(func() {
		must(t, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0))
		must(t, f.Close())
	})
}

// content returns the paths of everything below a directory.
func content(t *testing.T, dir string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, dir))
		return err
	}))
	return names
}

// TestMeasureForeseesDeletion: Measure fails if and only if MoveAway or Delete then fails.
func TestMeasureForeseesDeletion(t *testing.T) {
	const immutable, appendOnly = unix.STATX_ATTR_IMMUTABLE, unix.STATX_ATTR_APPEND // as FS_IMMUTABLE_FL, FS_APPEND_FL
	chown := func(t *testing.T, uid int, paths ...string) {
		t.Helper()
		for _, path := range paths {
			must(t, os.Chown(path, uid, -1))
		}
	}
	sticky := fs.ModeSticky | 0o777
	intoUpperLayer := func(dir string) { // whiteout, then opaque
		must(t, os.CopyFS(dir+".copy", os.DirFS(dir)))
		must(t, os.RemoveAll(dir))
		must(t, os.Rename(dir+".copy", dir))
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		nobody  bool   // the user who deletes, instead of root
		want    error  // of Measure; nil if the directory can be deleted
		names   string // part of the error
		hint    string
	}{
		"nothing in the way": {prepare: func(*testing.T, string) {}},
		"immutable file": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir+"/file", immutable) },
			want:    unix.EPERM, names: "/x.out/file cannot be deleted: immutable", hint: "chattr -i ",
		},
		"append-only file": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir+"/sub/file", appendOnly) },
			want:    unix.EPERM, names: "/x.out/sub/file cannot be deleted: append-only", hint: "chattr -a ",
		},
		"immutable mark": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir+"/.processed", immutable) },
			want:    unix.EPERM, names: "/x.out/.processed",
		},
		"immutable directory": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir, immutable) },
			want:    unix.EPERM, names: "/x.out cannot be deleted: immutable",
		},
		"append-only directory": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir, appendOnly) },
			want:    unix.EPERM, names: "/x.out cannot be deleted: append-only",
		},
		"immutable directory within": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir+"/sub", immutable) },
			want:    unix.EPERM, names: "/x.out/sub cannot",
		},
		"append-only empty directory within": {
			prepare: func(t *testing.T, dir string) { chattr(t, dir+"/empty", appendOnly) },
			want:    unix.EPERM, names: "/x.out/empty cannot",
		},
		"immutable root": {
			prepare: func(t *testing.T, dir string) { chattr(t, filepath.Dir(dir), immutable) },
			want:    unix.EPERM, names: "/x.out cannot be deleted: nothing may be removed from",
		},
		"append-only root": {
			prepare: func(t *testing.T, dir string) { chattr(t, filepath.Dir(dir), appendOnly) },
			want:    unix.EPERM, names: "append-only",
		},
		"sticky directory with a stranger's file": {
			prepare: func(t *testing.T, dir string) {
				must(t, os.Chmod(dir, sticky))
				chown(t, 2, dir)
				chown(t, 1, dir+"/file")
			},
			nobody: true, want: unix.EPERM, names: "/x.out/file cannot be deleted: it belongs to another user", hint: "chmod -t ",
		},
		"sticky directory within": {
			prepare: func(t *testing.T, dir string) {
				must(t, os.Chmod(dir+"/sub", sticky))
				chown(t, 2, dir+"/sub")
				chown(t, 1, dir+"/sub/file")
			},
			nobody: true, want: unix.EPERM, names: "/x.out/sub/file",
		},
		"sticky root": {
			prepare: func(t *testing.T, dir string) {
				must(t, os.Chmod(filepath.Dir(dir), sticky))
				chown(t, 2, filepath.Dir(dir))
				chown(t, 1, dir)
			},
			nobody: true, want: unix.EPERM, names: "/x.out cannot be deleted: it belongs to another user",
		},
		"sticky directory, seen by root": {
			prepare: func(t *testing.T, dir string) {
				must(t, os.Chmod(dir, sticky))
				chown(t, 2, dir)
				chown(t, 1, dir+"/file")
			},
		},
		"directory within that may not be written": {
			prepare: func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/sub", 0o555)) },
			nobody:  true, want: unix.EACCES, names: "nothing may be removed from", hint: "write in ",
		},
		"directory within that may not be searched": {
			prepare: func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/sub", 0o666)) },
			nobody:  true, want: unix.EACCES, names: "/x.out/sub",
		},
		"directory within that may not be listed": {
			prepare: func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/sub", 0o333)) },
			nobody:  true, want: unix.EACCES, names: "may not be listed", hint: "read ",
		},
		"empty directory within that may not be written": {
			prepare: func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/empty", 0o555)) },
			nobody:  true,
		},
		"root that may not be written": {
			prepare: func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Dir(dir), 0o755)) },
			nobody:  true, want: unix.EACCES, names: "nothing may be removed from",
		},
		"read-only": {
			prepare: func(t *testing.T, dir string) {
				testkit.Mount(t, filepath.Dir(dir), filepath.Dir(dir), "", unix.MS_BIND, "")
				must(t, unix.Mount("", filepath.Dir(dir), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			},
			want: unix.EROFS, names: "read-only file system", hint: "ReadWritePaths",
		},
		"mount within": {
			prepare: func(t *testing.T, dir string) { testkit.Mount(t, "none", dir+"/empty", "tmpfs", 0, "") },
			want:    ErrMount, names: "/x.out/empty",
		},
		"lower layer of an overlay": {
			prepare: overlay(func(string) {}),
			want:    unix.EXDEV, names: "/x.out cannot be deleted: the directory comes from a lower layer", hint: "redirect_dir=on",
		},
		"merged directory of an overlay": {
			prepare: overlay(func(dir string) { must(t, os.WriteFile(dir+"/new", nil, 0o600)) }),
			want:    unix.EXDEV, names: "lower layer",
		},
		"upper layer of an overlay": {prepare: overlay(intoUpperLayer)},
		"upper layer of an overlay on a full disk": {
			prepare: overlay(func(dir string) {
				intoUpperLayer(dir)
				if err := os.WriteFile(dir+"/fill", make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
					t.Error("the disk is not full:", err)
				}
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getuid() != 0 {
				t.Skip("only root can make it")
			}
			r := tree(t, map[string]string{"x.out/" + tcp: "", "x.out/file": "", "x.out/sub/file": "", "x.out/empty/": "", "x.out/.processed": ""})
			r.OneMount = true
			for _, dir := range []string{"", "/x.out", "/x.out/sub", "/x.out/empty"} {
				must(t, os.Chmod(r.Path+dir, 0o777))
			}
			c.prepare(t, r.Path+"/x.out")
			r, err := OpenRoot(r.Path) // opens the file system that prepare may have mounted there
			must(t, err)
			defer r.Close()
			r.OneMount = true
			before := content(t, r.Path)
			as := func(f func()) { f() }
			if c.nobody {
				as = func(f func()) { asNobody(t, f) }
			}
			d := open(t, entry(r, "x.out"))
			as(func() { _, err = d.Measure(t.Context()) })
			undeletable, ok := errors.AsType[*UndeletableError](err)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.names) || c.hint != "" && (!ok || !strings.Contains(undeletable.Hint, c.hint)) {
				t.Errorf("%v, hint %+v; want %v: %q, %q", err, undeletable, c.want, c.names, c.hint)
			}
			if after := content(t, r.Path); !slices.Equal(before, after) {
				t.Errorf("Measure left %q of %q", after, before)
			}
			as(func() {
				if err = d.MoveAway(); err == nil {
					if _, err = d.Delete(t.Context()); err != nil {
						must(t, d.MoveBack())
					}
				}
			})
			if (err == nil) != (c.want == nil) {
				t.Errorf("MoveAway and Delete: %v; want the result of Measure, %v", err, c.want)
			}
		})
	}
}

// overlay mounts an overlay of which the root is the lower layer.
func overlay(change func(dir string)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		layers := t.TempDir()
		testkit.Mount(t, "none", layers, "tmpfs", 0, "size=1m") // an overlay cannot be an upper layer
		for _, name := range []string{"/lower", "/upper", "/work"} {
			must(t, os.Mkdir(layers+name, 0o755))
		}
		must(t, os.CopyFS(layers+"/lower", os.DirFS(filepath.Dir(dir))))
		options := "redirect_dir=off,lowerdir=" + layers + "/lower,upperdir=" + layers + "/upper,workdir=" + layers + "/work"
		testkit.Mount(t, "overlay", filepath.Dir(dir), "overlay", 0, options)
		change(dir)
	}
}

// Measure names the files that logrotate, editors and rsync make of a log. It names neither
// Tstat's other logs nor the files that the programs read.
func TestNeverSent(t *testing.T) {
	want := []string{
		".log_tcp_complete.Xy12", "log_tcp_complete-20160217", "log_tcp_complete.1", "log_udp_complete.1.gz",
		"log_udp_complete.zst", "sub/log_tcp_complete.2",
	}
	files := map[string]string{
		"x.out/" + tcp: "", "x.out/" + udp + ".gz": "", "x.out/.processed": "", "x.out/log_tcp_nocomplete": "", "x.out/log_mm_complete": "",
	}
	for _, name := range want {
		files["x.out/"+name] = ""
	}
	u, err := open(t, entry(tree(t, files), "x.out")).Measure(t.Context())
	must(t, err)
	slices.Sort(u.NeverSent)
	if !slices.Equal(u.NeverSent, want) {
		t.Errorf("%q, want %q", u.NeverSent, want)
	}
}
