package logdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func remove(t *testing.T, d *Dir) {
	t.Helper()
	if begun, err := d.Delete(t.Context()); err != nil || !begun {
		t.Fatal(begun, err)
	}
}

func TestDelete(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		outside := t.TempDir()
		must(t, os.WriteFile(outside+"/keep", []byte(strings.Repeat("k", 1<<20)), 0o644))
		files := map[string]string{
			"x.out/" + tcp: strings.Repeat("r", 8192), "x.out/.processed": "", "x.out/sub/deep/file": "678", "x.out/.processed.tmp/": "",
			"x.out/sp ace\n\xff": "", "x.out/sub/.processed": "", "next.out/" + tcp: "",
		}
		for i := range 2500 { // more than one listing's worth
			files[fmt.Sprintf("x.out/many/%d", i)] = ""
		}
		r := tree(t, files)
		r.OneMount = true
		must(t, os.Symlink(outside, r.Path+"/x.out/link"))
		must(t, os.Symlink(outside+"/keep", r.Path+"/x.out/sub/link"))
		must(t, os.Link(outside+"/keep", r.Path+"/x.out/hard"))
		fifo(t, r.Path+"/x.out/fifo")

		d := open(t, entry(r, "x.out"))
		u, err := d.Measure(t.Context())
		must(t, err)
		if u.Bytes != 8192+3+1<<20 || u.Disk < 8192 || u.Disk >= 1<<20 {
			t.Errorf("%+v", u)
		}
		must(t, d.MoveAway())
		gone(t, r.Path+"/x.out")
		if !IsCulled(d.Name) || d.Rel != d.Name {
			t.Errorf("%+v", d.Entry)
		}
		must(t, d.StillThere())
		remove(t, d)
		gone(t, d.Path())
		names, err := os.ReadDir(r.Path)
		must(t, err)
		if len(names) != 1 || names[0].Name() != "next.out" {
			t.Error(names)
		}
		if b, err := os.ReadFile(outside + "/keep"); len(b) != 1<<20 || err != nil {
			t.Error("a link was followed:", err)
		}
	})
}

func TestMeasureFindsWhatMustStay(t *testing.T) {
	f := func(want error, prepare func(path string)) {
		t.Helper()
		r := tree(t, map[string]string{"x.out/" + tcp: "", "x.out/sub/": "", "x.out/file": "", "source": ""})
		r.OneMount = true
		prepare(r.Path + "/x.out")
		d := open(t, entry(r, "x.out"))
		if _, err := d.Measure(t.Context()); !errors.Is(err, want) || !strings.Contains(err.Error(), "x.out/") {
			t.Errorf("%v, want %v", err, want)
		}
	}
	f(ErrNested, func(path string) { must(t, os.WriteFile(path+"/sub/"+udp+".gz", nil, 0o644)) })
	t.Run("tmpfs", func(t *testing.T) {
		bothWays(t, func(t *testing.T) {
			f(ErrMount, func(path string) { testkit.Mount(t, "none", path+"/sub", "tmpfs", 0, "size=64k") })
		})
	})
	t.Run("bind", func(t *testing.T) { // on the same device
		f(ErrMount, func(path string) { testkit.Mount(t, filepath.Dir(path), path+"/sub", "", unix.MS_BIND, "") })
	})
	t.Run("file", func(t *testing.T) {
		f(ErrMount, func(path string) { testkit.Mount(t, filepath.Dir(path)+"/source", path+"/file", "", unix.MS_BIND, "") })
	})
	t.Run("forbidden", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/" + tcp: "", "x.out/sub/file": ""})
		d := open(t, entry(r, "x.out"))
		must(t, os.Chmod(d.Path()+"/sub", 0o555))
		t.Cleanup(func() { _ = os.Chmod(d.Path()+"/sub", 0o755) })
		must(t, os.Chmod(d.Path(), 0o777))
		must(t, os.Chmod(r.Path, 0o777))
		asNobody(t, func() {
			if _, err := d.Measure(t.Context()); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "x.out/sub") {
				t.Error(err)
			}
		})
	})
	t.Run("deep", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out" + strings.Repeat("/d", maxDepth+1) + "/": ""})
		if _, err := open(t, entry(r, "x.out")).Measure(t.Context()); err == nil {
			t.Error("a tree too deep to be deleted: no error")
		}
	})
}

// A mount that appears after Measure stops the deletion at the mount point.
func TestDeleteCrossesNoMount(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/sub/": "", "x.out/.processed": "", "other/keep": "k"})
		r.OneMount = true
		d := open(t, entry(r, "x.out"))
		must(t, d.MoveAway())
		testkit.Mount(t, r.Path+"/other", d.Path()+"/sub", "", unix.MS_BIND, "")
		if _, err := d.Delete(t.Context()); !errors.Is(err, ErrMount) && !errors.Is(err, unix.EBUSY) {
			t.Error(err)
		}
		for _, kept := range []string{r.Path + "/other/keep", d.Path() + "/.processed"} {
			if _, err := os.Stat(kept); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestMoveAwayRenamesNoOtherDirectory(t *testing.T) {
	f := func(swap func(path string)) {
		t.Helper()
		r := tree(t, map[string]string{"x.out/" + tcp: "", "outside/keep": ""})
		d := open(t, entry(r, "x.out"))
		must(t, os.Rename(d.Path(), r.Path+"/hidden"))
		swap(r.Path + "/x.out")
		before, beforeErr := os.Lstat(r.Path + "/x.out")
		if err := d.MoveAway(); !errors.Is(err, ErrVanished) && !strings.Contains(err.Error(), "symbolic link") {
			t.Error(err)
		}
		after, err := os.Lstat(r.Path + "/x.out")
		if beforeErr == nil && (err != nil || !os.SameFile(before, after)) {
			t.Error("the file that has the name now was not put back:", err)
		}
		if d.Name != "x.out" {
			t.Error(d.Name)
		}
	}
	f(func(string) {})
	f(func(path string) { must(t, os.Mkdir(path, 0o755)) })
	f(func(path string) { must(t, os.Symlink("outside", path)) })
	f(func(path string) { must(t, os.WriteFile(path, nil, 0o644)) })
}

func TestMoveBack(t *testing.T) {
	r := tree(t, map[string]string{"sub/x.out/" + tcp: ""})
	d := open(t, entry(r, "sub/x.out"))
	must(t, d.MoveAway())
	must(t, os.Mkdir(r.Path+"/sub/x.out", 0o755))
	if err := d.MoveBack(); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	must(t, os.Remove(r.Path+"/sub/x.out"))
	must(t, d.MoveBack())
	if d.Rel != "sub/x.out" {
		t.Error(d.Rel)
	}
	if _, err := os.Stat(r.Path + "/sub/x.out/" + tcp); err != nil {
		t.Error(err)
	}
}

// Wherever the deletion stops, the mark is left as long as any other file is.
func TestDeleteKeepsTheMarkToTheEnd(t *testing.T) {
	for n := 0; ; n++ {
		r := tree(t, map[string]string{"x.out/" + tcp: "", "x.out/" + udp: "", "x.out/.processed": "", "x.out/sub/a": "", "x.out/sub/b": ""})
		d := open(t, entry(r, "x.out"))
		must(t, d.MoveAway())
		_, err := d.Delete(testkit.Countdown(t.Context(), n))
		if err == nil {
			if n < 5 {
				t.Errorf("Delete checked its context only %d times", n)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.Path() + "/.processed"); err != nil {
			t.Errorf("after %d: %v", n, err)
		}
		remove(t, d)
		gone(t, d.Path())
	}
}

// TestDeleteOfNothing: Delete of an empty directory that cannot be removed has not begun.
func TestDeleteOfNothing(t *testing.T) {
	d := open(t, entry(tree(t, map[string]string{"x.out/": ""}), "x.out"))
	must(t, d.MoveAway())
	testkit.Mount(t, "none", d.Path(), "tmpfs", 0, "size=64k")
	if begun, err := d.Delete(t.Context()); begun || !errors.Is(err, unix.EBUSY) {
		t.Errorf("begun %v, error %v, want %v", begun, err, unix.EBUSY)
	}
}

// TestDeleteInPlaceRenamesBeforeTheMark: a run that dies after it has deleted the mark leaves
// a leftover, which the next run deletes, and no empty directory x.out.
func TestDeleteInPlaceRenamesBeforeTheMark(t *testing.T) {
	// The deletion ends at the mark, since the mark is a directory.
	r := tree(t, map[string]string{"x.out/" + tcp: "", "x.out/.processed/": ""})
	d := open(t, entry(r, "x.out"))
	if err := d.DeleteInPlace(t.Context()); !errors.Is(err, unix.EISDIR) {
		t.Errorf("error %v, want %v", err, unix.EISDIR)
	}
	if got := content(t, r.Path); !IsCulled(d.Name) || !slices.Equal(got, []string{"", "/" + d.Name, "/" + d.Name + "/.processed"}) {
		t.Errorf("left: %q", got)
	}
}

func TestDeleteOnlyWhatWasMovedAway(t *testing.T) {
	d := open(t, entry(tree(t, map[string]string{"x.out/" + tcp: ""}), "x.out"))
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "BUG:") {
			t.Error(p)
		}
	}()
	_, _ = d.Delete(t.Context())
}

func TestIsEmptyAndHoldsOnlyMark(t *testing.T) {
	r := tree(t, map[string]string{"empty.out/": "", "hidden.out/.hidden": "", "mark.out/.processed": "", "more.out/.processed": "", "more.out/.processing": ""})
	for name, want := range map[string]struct{ empty, onlyMark bool }{
		"empty.out": {true, true}, "hidden.out": {false, false}, "mark.out": {false, true}, "more.out": {false, false},
	} {
		d := open(t, entry(r, name))
		if got, err := d.IsEmpty(t.Context()); got != want.empty || err != nil {
			t.Errorf("%s is empty: %v, %v", name, got, err)
		}
		if got, err := d.HoldsOnlyMark(t.Context()); got != want.onlyMark || err != nil {
			t.Errorf("%s holds only its mark: %v, %v", name, got, err)
		}
	}
}
