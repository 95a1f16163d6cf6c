package logdir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

func find(t *testing.T, r *Root) (found []string, reported map[string]error) {
	t.Helper()
	reported = map[string]error{}
	entries, err := r.Find(t.Context(), func(path string, err error) { reported[strings.TrimPrefix(path, r.Path)] = err })
	must(t, err)
	Sort(entries)
	for _, e := range entries {
		if e.Root != r || e.Name != filepath.Base(e.Rel) {
			t.Errorf("%+v", e)
		}
		found = append(found, e.Rel)
	}
	return found, reported
}

func TestFind(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		outside := t.TempDir()
		must(t, os.MkdirAll(outside+"/2016_01_01_00_00.out", 0o755))
		must(t, os.WriteFile(outside+"/2016_01_01_00_00.out/"+tcp, nil, 0o644))
		r := tree(t, map[string]string{
			"2016_02_17_12_53.out/" + tcp:                "",
			"2016_02_17_11_53.out/" + udp:                "",
			"eth1/2016_02_17_10_53.out/" + tcp + ".gz":   "",
			"a/b/c/x.out/" + udp + ".gz":                 "",
			"no_logs.out/log_http_complete":              "",
			"empty.out/":                                 "",
			"emptied.out/.processed":                     "",
			"not_out/" + tcp:                             "",
			"file.out":                                   "",
			"trace.pcap.out/2016_02_17_13_53.out/" + tcp: "",
			"trace.pcap.out/log_tcp_nocomplete":          "",
			"deep.out/inner.out/" + tcp:                  "",
			"deep.out/" + udp:                            "",
			"sp ace\n\xff.out/" + tcp:                    "",
			CulledName("y.out", strings.Repeat("0", 16)) + "/z.out/" + tcp: "",
			".culled/w.out/" + tcp: "", ".snapshots/1/u.out/" + tcp: "", "lost+found/t.out/" + tcp: "", ".hidden.out/" + tcp: "",
			"trace.pcap.out/" + CulledName("v.out", strings.Repeat("1", 16)) + "/": "",
		})
		must(t, os.Symlink(outside, r.Path+"/link"))
		must(t, os.Symlink(t.TempDir(), r.Path+"/link_to_no_logs"))
		must(t, os.Symlink(outside+"/2016_01_01_00_00.out", r.Path+"/link.out"))
		got, reported := find(t, r)
		want := []string{"eth1/2016_02_17_10_53.out", "2016_02_17_11_53.out", "2016_02_17_12_53.out",
			"trace.pcap.out/2016_02_17_13_53.out", "deep.out", "sp ace\n\xff.out", "a/b/c/x.out"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, link := range []string{"/link", "/link.out"} {
			if err := reported[link]; len(reported) != 2 || !errors.Is(err, ErrLink) || !IsHarmless(link, err) {
				t.Error(reported)
			}
		}
		entries, err := r.FindLeftovers(t.Context(), func(string, error) {})
		must(t, err)
		var leftovers []string
		for _, e := range entries {
			leftovers = append(leftovers, e.Rel)
		}
		slices.Sort(leftovers)
		want = []string{
			CulledName("y.out", strings.Repeat("0", 16)), "emptied.out",
			"trace.pcap.out/" + CulledName("v.out", strings.Repeat("1", 16)),
		}
		if diff := cmp.Diff(want, leftovers); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFindContinuesAfterAnUnreadableDirectory(t *testing.T) {
	r := tree(t, map[string]string{"a/x.out/" + tcp: "", "b/y.out/" + tcp: "", "c/z.out/" + tcp: ""})
	must(t, os.Chmod(r.Path+"/b", 0o000))
	t.Cleanup(func() { _ = os.Chmod(r.Path+"/b", 0o755) })
	must(t, os.Chmod(filepath.Dir(r.Path), 0o755)) // of t.TempDir, for another user
	asNobody(t, func() {
		got, reported := find(t, r)
		if diff := cmp.Diff([]string{"a/x.out", "c/z.out"}, got); diff != "" {
			t.Error(diff)
		}
		if len(reported) != 1 || !errors.Is(reported["/b"], fs.ErrPermission) || !IsHarmless("/b", reported["/b"]) {
			t.Error(reported)
		}
	})
}

// TestDirectoryAsRoot: Find returns a directory of logs that is given as a root, and none of
// its siblings.
func TestDirectoryAsRoot(t *testing.T) {
	r := tree(t, map[string]string{
		"x.out/" + tcp: "", "y.out/" + tcp: "", "empty.out/": "",
		CulledName("x.out", strings.Repeat("0", 16)) + "/" + tcp: "", CulledName("y.out", strings.Repeat("0", 16)) + "/" + tcp: "",
	})
	must(t, os.Symlink(r.Path+"/x.out", r.Path+"/current"))
	must(t, r.Lock()) // a run that has the parent directory as its root
	for _, given := range []string{"/x.out", "/x.out/", "/current"} {
		root, err := OpenRoot(r.Path + given)
		must(t, err)
		must(t, root.Lock())
		if pid := ReadLocks().Holder(root); pid != 0 {
			t.Errorf("%s: process %d has locked only the parent directory", given, pid)
		}
		got, reported := find(t, root)
		if len(got) != 1 || got[0] != "x.out" || len(reported) != 0 {
			t.Errorf("%s: %q, %v", given, got, reported)
		}
		if p := entry(root, "x.out").Path(); p != r.Path+"/x.out" || root.Path != p {
			t.Errorf("%s: the root is %s, the directory %s", given, root.Path, p)
		}
		must(t, open(t, entry(root, "x.out")).Close())
		leftovers, err := root.FindLeftovers(t.Context(), func(string, error) {})
		must(t, err)
		if len(leftovers) != 1 || !strings.HasPrefix(leftovers[0].Name, ".culled-x.out") {
			t.Errorf("%s: %v", given, leftovers)
		}
		must(t, root.Close())
	}
	root, err := OpenRoot(r.Path + "/empty.out")
	must(t, err)
	defer root.Close()
	if root.only != "" {
		t.Error("a directory without a log was not opened as an ordinary root")
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	r := tree(t, map[string]string{"a/x.out/" + tcp: ""})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Find(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFindStaysOnItsMount(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		r := tree(t, map[string]string{"here/x.out/" + tcp: "", "there/": "", "mounted.out/" + tcp: ""})
		testkit.Mount(t, "none", r.Path+"/there", "tmpfs", 0, "size=64k")
		must(t, os.MkdirAll(r.Path+"/there/y.out", 0o755))
		must(t, os.WriteFile(r.Path+"/there/y.out/"+tcp, nil, 0o644))
		// A bind mount from the same device is a mount all the same.
		testkit.Mount(t, r.Path+"/here/x.out", r.Path+"/mounted.out", "", unix.MS_BIND, "")

		if got, _ := find(t, r); len(got) != 3 {
			t.Errorf("a root that may cross mounts finds %q", got)
		}
		r.OneMount = true
		got, reported := find(t, r)
		if diff := cmp.Diff([]string{"mounted.out", "here/x.out"}, got); diff != "" {
			t.Error(diff)
		}
		if len(reported) != 1 || !errors.Is(reported["/there"], ErrMount) {
			t.Error(reported)
		}
		if _, err := Open(entry(r, "mounted.out")); !errors.Is(err, ErrMount) {
			t.Error(err)
		}
	})
}

func TestSortIsOldestFirst(t *testing.T) {
	a, b := &Root{Path: "/a"}, &Root{Path: "/b"}
	want := []Entry{
		{a, "23_59_31_Dec_2009.out", "23_59_31_Dec_2009.out"},
		{b, "z/2010_01_01_00_00.out", "2010_01_01_00_00.out"},
		{a, "00_01_01_Jan_2010.out", "00_01_01_Jan_2010.out"},
		{a, "2016_02_17_12_53.out", "2016_02_17_12_53.out"},
		{b, "a/2016_02_17_12_53.out", "2016_02_17_12_53.out"},
		{b, "b/2016_02_17_12_53.out", "2016_02_17_12_53.out"},
		{b, "12_54_17_Feb_2016.out", "12_54_17_Feb_2016.out"},
		{a, "2016_02_17_12_55.out", "2016_02_17_12_55.out"},
		{b, "2016_02_30_12_53.out", "2016_02_30_12_53.out"}, // no such day: a name
		{a, "bad.out", "bad.out"},
		{a, "c.out", "c.out"},
	}
	for shift := range want {
		got := append(append([]Entry(nil), want[shift:]...), want[:shift]...)
		Sort(got)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("shifted by %d: place %d has %s, want %s", shift, i, got[i].Path(), want[i].Path())
			}
		}
	}
}

func TestRootLock(t *testing.T) {
	r := tree(t, map[string]string{"a.out/" + tcp: ""})
	must(t, r.Lock())
	second := openRoot(t, r.Path)
	if err := second.Lock(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), r.Path) {
		t.Error(err)
	}
	must(t, r.Close())
	must(t, second.Lock())
}

func FuzzCulledName(f *testing.F) {
	f.Add("2016_02_17_12_53.out")
	f.Add("a.out.out")
	f.Add(strings.Repeat("x", 251) + ".out")
	f.Add(".culled-a.out-0123456789abcdef")
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > maxName {
			return
		}
		culled := CulledName(name, "0123456789abcdef")
		if len(culled) > maxName || strings.HasSuffix(culled, Suffix) || !IsCulled(culled) {
			t.Errorf("%q became %q", name, culled)
		}
		got, ok := OriginalName(culled)
		if ok && got != name {
			t.Errorf("%q came back as %q", name, got)
		}
		if short := len(culled) < maxName; ok != (short && strings.HasSuffix(name, Suffix)) {
			t.Errorf("%q: %v", name, ok)
		}
	})
}
