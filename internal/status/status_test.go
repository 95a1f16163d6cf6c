package status

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// TestCollectTakesNoLock: a run that works while Collect is called finds no directory
// locked, and Collect reports every pending directory.
func TestCollectTakesNoLock(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		makeDirectory(t, dir, time.Unix(1_700_000_000, 0).Add(time.Duration(i)*time.Hour), i%100 != 0)
	}
	root, err := logdir.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	entries, err := root.Find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	collected := make(chan error, 1)
	go func() {
		defer close(collected)
		for range 20 {
			r, err := Collect(t.Context(), []Root{{Path: dir}}, 4)
			if err == nil && (len(r.Directories) < 3 || r.Roots[0].Found != 300) {
				err = fmt.Errorf("%d pending, %d found", len(r.Directories), r.Roots[0].Found)
			}
			if err != nil {
				collected <- err
				return
			}
		}
	}()
	for i := 0; ; i++ {
		select {
		case err := <-collected:
			if err != nil {
				t.Error(err)
			}
			t.Logf("locked %d times", i)
			return
		default:
		}
		d, err := logdir.Open(entries[i%len(entries)])
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStateOrder: if several states fit a directory, the first in the order of the constants
// is reported.
func TestStateOrder(t *testing.T) {
	why := errors.New("why")
	var found logdir.Inspection
	check := func(want State) {
		t.Helper()
		if d := describe("x.out", found, nil); d.State != want {
			t.Errorf("state %s, want %s", d.State, want)
		}
	}
	found.Mark.Kind = logdir.Ours
	check(Changed)
	found.Mark.Kind = logdir.None
	check(Untried)
	found.Begun = true
	check(Unfinished)
	found.ProgressErr = why
	check(Unfinished)
	found.Zeros = []string{"log_tcp_complete"}
	check(ZeroBytes)
	found.Mark.Damaged = why
	check(DamagedMark)
	found.Progress.Error = "why"
	check(Failed)
	found.Err = why
	check(Unreadable)
}

func TestFormat(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 2_500_000_000: "2.5 GB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0m", 59*time.Minute + 59*time.Second: "59m", time.Hour: "1h00m", 47*time.Hour + 59*time.Minute: "47h59m", 49 * time.Hour: "2d01h",
	} {
		if got := formatAge(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestTableOfHostileNames: control characters are escaped, and every directory is one line.
func TestTableOfHostileNames(t *testing.T) {
	r := Report{
		Roots:       []Root{{Path: "a\x1b", Error: "one\ntwo"}},
		Directories: []Directory{{Path: "x\x1b[2J\n.out", State: Failed, Error: "cannot\x07\nbe"}, {Path: "y.out", State: Untried}},
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	want := `root "a\x1b" cannot be read: one; two
AGE  BYTES  STATE    DIRECTORY         ERROR
?    0 B    failed   "x\x1b[2J\n.out"  "cannot\a; be"
?    0 B    untried  y.out
2 of 0 directories pending, 0 B not confirmed
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// BenchmarkCollect compares Collect with find, on 10,000 directories of two logs, of which
// nine tenths are marked:
//
//	go test -run '^$' -bench Collect -benchtime 5x ./internal/status
func BenchmarkCollect(b *testing.B) {
	root := b.TempDir()
	const directories = 10_000
	for i := range directories {
		makeDirectory(b, root, time.Unix(1_700_000_000, 0).Add(time.Duration(i)*time.Hour), i%10 != 0)
	}
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			out, err := exec.CommandContext(b.Context(), "find", root, "-name", "log_*", "-size", "+1G").CombinedOutput()
			if err != nil {
				b.Fatal(err, string(out))
			}
		}
	})
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			r, err := Collect(b.Context(), []Root{{Path: root}}, 2)
			if err != nil || len(r.Directories) != directories/10 || r.Roots[0].Found != directories {
				b.Fatal(err, len(r.Directories))
			}
		}
	})
}

// makeDirectory makes a directory of two logs, marked or untried.
func makeDirectory(tb testing.TB, root string, started time.Time, marked bool) {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	name := started.UTC().Format("2006_01_02_15_04") + logdir.Suffix
	dir := filepath.Join(root, name)
	must(os.Mkdir(dir, 0o755))
	var states []string
	for _, log := range []string{"log_tcp_complete", "log_udp_complete"} {
		path := filepath.Join(dir, log)
		must(os.WriteFile(path, []byte("#header\n"), 0o644))
		var st unix.Stat_t
		must(unix.Stat(path, &st))
		states = append(states, fmt.Sprintf(`%q:{"size":8,"position":8,"end":8,"inode":%d,"ctime":%d}`, log, st.Ino, st.Ctim.Nano()))
	}
	if marked {
		text := `{"tool":"tstat_send","version":"1","logs":{` + strings.Join(states, ",") + "}}\n"
		must(os.WriteFile(filepath.Join(dir, ".processed"), []byte(text), 0o644))
	}
}

// TestFutureDirectory: a directory dated in the future has the age 0, as in the report of a run.
func TestFutureDirectory(t *testing.T) {
	dir := t.TempDir()
	makeDirectory(t, dir, time.Now().Add(48*time.Hour), false)
	r, err := Collect(t.Context(), []Root{{Path: dir}}, 1)
	if err != nil || len(r.Directories) != 1 || r.Directories[0].AgeSeconds != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestEntriesThatVanished: a directory that is deleted after the crawl is not listed as sent.
func TestEntriesThatVanished(t *testing.T) {
	dir := t.TempDir()
	makeDirectory(t, dir, time.Unix(1_700_000_000, 0), true)
	makeDirectory(t, dir, time.Unix(1_700_003_600, 0), true)
	root, err := logdir.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	entries, err := root.Find(t.Context(), nil)
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	if err := os.RemoveAll(entries[0].Path()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := WriteEntries(&b, entries); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, entries[0].Name) || !strings.Contains(text, entries[1].Name) || !strings.Contains(text, "\n1 directories, ") {
		t.Error(text)
	}
}
