package logdir

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

// TestMarkFarFromNow: nanoseconds since the epoch cannot represent the years 2286 and 1653.
// A mark from there is in the future or in the past all the same.
func TestMarkFarFromNow(t *testing.T) {
	r := tree(t, map[string]string{"2016_02_17_12_53.out/log_tcp_complete": "", "2016_02_17_12_53.out/.processed": foreignWord})
	d := open(t, entry(r, "2016_02_17_12_53.out"))
	for _, seconds := range []int64{1e10, -1e10} {
		at := unix.Timespec{Sec: seconds}
		must(t, unix.UtimesNanoAt(d.Fd(), processed, []unix.Timespec{at, at}, 0))
		m, err := d.ReadProcessed()
		must(t, err)
		if m.Time.After(time.Now()) != (seconds > 0) {
			t.Errorf("%d seconds from 1970: %v", seconds, m.Time)
		}
	}
}

func TestStateComesBack(t *testing.T) {
	r := tree(t, map[string]string{"2016_02_17_12_53.out/log_tcp_complete": "#15#c_ip:1\n10.0.0.1\n", "2016_02_17_12_53.out/.processed.tmp": "torn"})
	e := entry(r, "2016_02_17_12_53.out")
	d := open(t, e)
	want := confirmed(t, d)
	ls := want.Logs["log_tcp_complete"]
	ls.Line, ls.Rows, ls.Below, ls.Malformed, ls.Flows, ls.Incomplete = 3, 4, 5, 6, 7, 8
	ls.Position, ls.Tail = ls.Position-9, &Tail{Bytes: 9, Flows: 2}
	want.Logs["log_tcp_complete"] = ls

	must(t, d.WriteProcessing(want))
	want.Tool = tool
	got, err := d.ReadProcessing()
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if UpToDate(e) {
		t.Error("a directory without a mark is done")
	}

	must(t, d.WriteProcessed(want))
	m, err := d.ReadProcessed()
	must(t, err)
	if diff := cmp.Diff(want, m.State); diff != "" || m.Kind != Ours || m.Damaged != nil {
		t.Error(m.Kind, m.Damaged, diff)
	}
	if !UpToDate(e) {
		t.Error("a marked directory is not done")
	}
	names, err := os.ReadDir(e.Path())
	must(t, err)
	for _, n := range names {
		if n.Name() != processed && n.Name() != "log_tcp_complete" {
			t.Errorf("%s was left behind", n.Name())
		}
	}
}

// TestLargestStateComesBack: a mark with as many holes as a state can have is not damaged.
func TestLargestStateComesBack(t *testing.T) {
	d := open(t, entry(tree(t, map[string]string{"x.out/" + tcp: ""}), "x.out"))
	const large = math.MaxInt64 / 2
	state := State{Logs: map[string]LogState{}}
	for _, name := range fileNames {
		l := LogState{Position: math.MaxInt64, End: math.MaxInt64}
		for i := range int64(MaxHoles) {
			from := large + i*(large/MaxHoles)
			l.Holes = append(l.Holes, Hole{From: from, To: from + large/MaxHoles, Header: large, Sent: Tail{Bytes: 1 << 40, Flows: 2, NotFinite: 999}})
		}
		state.Logs[name] = l
	}
	must(t, d.WriteProcessed(state))
	if m, err := d.ReadProcessed(); err != nil || m.Kind != Ours {
		t.Errorf("kind %v, damaged %v, %v", m.Kind, m.Damaged, err)
	}
}

func TestMarksOfOthers(t *testing.T) {
	f := func(content string, want MarkKind, upToDate bool) {
		t.Helper()
		r := tree(t, map[string]string{"x.out/" + tcp: "row\n", "x.out/.processed": content})
		e := entry(r, "x.out")
		m, err := open(t, e).ReadProcessed()
		must(t, err)
		if m.Kind != want || (m.Damaged != nil) != (want == None) || m.Time.IsZero() {
			t.Errorf("%.40q: kind %v, damaged %v, time %v", content, m.Kind, m.Damaged, m.Time)
		}
		if m.Damaged != nil && !strings.Contains(m.Damaged.Error(), "x.out/.processed") {
			t.Error(m.Damaged)
		}
		if got := UpToDate(e); got != upToDate {
			t.Errorf("%.40q: UpToDate says %v", content, got)
		}
	}
	f("processed", Foreign, true)
	f("processed\n", Foreign, true)
	f(" \r\n\tprocessed \n\n", Foreign, true)
	f("", None, false)
	f("\n", None, false)
	f("process", None, false)
	f("processed\x00\x00", None, false)
	f("processed processed\n", None, false)
	f("Processed\n", None, false)
	f("\x00\x00\x00", None, false)
	f(strings.Repeat("\x00", 600), None, false)
	f("{}", None, false)
	f("{\"tool\":\"other\"}\n", None, false)
	f("{\"tool\":\"other\",\"by\":\"tstat_send\"}\n", None, false)
	f("{garbage", None, false)
	f(strings.Repeat("x", 5<<20), None, false)
	f("{"+strings.Repeat("[", 5<<20), None, false)
	f(`{"tool":"tstat_send","vers`, None, false)
	f(`{"tool":"tstat_send","logs":{"log_tcp_complete":{"size":4,"position":9,"end":4}}}`, None, false)
	f(`{"tool":"tstat_send","logs":{"log_tcp_complete":{"size":4,"position":-9,"end":4}}}`, None, false)
	f(`{"tool":"tstat_send","logs":{}}`, Ours, false)
	f(`{"tool":"tstat_send","logs":null}`, Ours, false)
	f(`{"logs":{}, "tool":  "tstat_send", "later":[1]}`, Ours, false)
}

func TestMarkThatIsNoFile(t *testing.T) {
	f := func(create func(path string)) {
		t.Helper()
		r := tree(t, map[string]string{"x.out/" + tcp: "row\n", "secret": `{"tool":"tstat_send","logs":{}}`})
		e := entry(r, "x.out")
		create(e.Path() + "/.processed")
		d := open(t, e)
		m, err := d.ReadProcessed()
		if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), "x.out/.processed") || m.Kind != None {
			t.Error(m, err)
		}
		if UpToDate(e) {
			t.Error("UpToDate takes it for a mark")
		}
		must(t, os.Rename(e.Path()+"/.processed", e.Path()+"/.processing"))
		s, err := d.ReadProcessing()
		if !errors.Is(err, ErrNotRegular) || s.Logs != nil {
			t.Error(s, err)
		}
	}
	f(func(p string) { must(t, os.Mkdir(p, 0o755)) })
	f(func(p string) { must(t, os.Symlink("../secret", p)) })
	f(func(p string) { must(t, os.Symlink("/nowhere", p)) })
	f(func(p string) { fifo(t, p) })
}

func TestProcessingStartsAnewWhereDamaged(t *testing.T) {
	f := func(content string) {
		t.Helper()
		r := tree(t, map[string]string{"x.out/" + tcp: "row\n", "x.out/.processing": content})
		s, err := open(t, entry(r, "x.out")).ReadProcessing()
		if err == nil || s.Logs != nil || s.Tool != "" {
			t.Errorf("%.40q: %v, %v", content, s, err)
		}
	}
	f("")
	f("junk")
	f(`{"tool":"tstat_send","logs":{"log_tcp_complete":{"pos`)
	f(strings.Repeat("{", 5<<20))

	r := tree(t, map[string]string{"x.out/" + tcp: "row\n"})
	if s, err := open(t, entry(r, "x.out")).ReadProcessing(); err != nil || s.Logs != nil {
		t.Error(s, err)
	}
}

// If a mark cannot be written, the old file stays, and no temporary file is left.
func TestWriteLeavesNothingHalf(t *testing.T) {
	state := State{Logs: map[string]LogState{tcp: {Fingerprint: "0:"}}}
	intact := func(d *Dir, want string) {
		t.Helper()
		if b, err := os.ReadFile(d.Path() + "/.processed"); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
		if _, err := os.Lstat(d.Path() + "/.processed.tmp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a temporary file is left: %v", err)
		}
	}
	t.Run("full", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/": ""})
		testkit.Mount(t, "none", r.Path+"/x.out", "tmpfs", 0, "size=8k")
		must(t, os.WriteFile(r.Path+"/x.out/.processed", []byte("old"), 0o644))
		must(t, os.WriteFile(r.Path+"/x.out/"+tcp, make([]byte, 4096), 0o644))
		d := open(t, entry(r, "x.out"))
		if err := d.WriteProcessed(state); !errors.Is(err, unix.ENOSPC) {
			t.Error(err)
		}
		intact(d, "old")
	})
	t.Run("forbidden", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/.processed": "old"})
		must(t, os.Chmod(r.Path+"/x.out", 0o555))
		t.Cleanup(func() { _ = os.Chmod(r.Path+"/x.out", 0o755) })
		d := open(t, entry(r, "x.out"))
		asNobody(t, func() {
			if err := d.WriteProcessed(state); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "x.out/.processed") {
				t.Error(err)
			}
		})
		intact(d, "old")
	})
	t.Run("directory", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/.processed/": ""})
		d := open(t, entry(r, "x.out"))
		must(t, d.WriteProcessing(state))
		if err := d.WriteProcessed(state); err == nil {
			t.Error("a directory was replaced")
		}
		if s, err := d.ReadProcessing(); err != nil || len(s.Logs) != 1 {
			t.Error("the state in .processing is lost:", s, err)
		}
	})
	t.Run("link", func(t *testing.T) {
		r := tree(t, map[string]string{"x.out/.processed": "old", "secret": "s"})
		must(t, os.Symlink("../secret", r.Path+"/x.out/.processed.tmp"))
		d := open(t, entry(r, "x.out"))
		must(t, d.WriteProcessed(state))
		if b, _ := os.ReadFile(r.Path + "/secret"); string(b) != "s" {
			t.Errorf("a link was followed: %q", b)
		}
		b, err := state.encode()
		must(t, err)
		intact(d, string(b))
		if strings.Count(string(b), "\n") != 1 || b[len(b)-1] != '\n' {
			t.Errorf("not one line: %q", b)
		}
	})
}

// FuzzState: a state that decode accepts is the same after encode and decode. decode refuses
// any other content with one of its two errors.
func FuzzState(f *testing.F) {
	b, err := State{Version: "v1", Logs: map[string]LogState{tcp: {
		Size: 1, Position: 2, End: 3, Header: 1, Line: 2, Tail: &Tail{Bytes: 1, Flows: 2}, Fingerprint: fingerprint([]byte("abc")),
		Ino: 1 << 63, Ctime: -1, Gzip: true, Rows: 1, Below: 2, Malformed: 3, Flows: 4, Incomplete: 1,
	}, udp: {}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte(""))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"tool":"tstat_send","logs":{"x":null}}`))
	f.Add([]byte(`{"tool":"tstat_send","logs":{"x":{"size":1e99}}}`))
	f.Add([]byte(`{"tool":"tstat_send","error":"` + strings.Repeat("x", MaxError+1) + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			if !errors.Is(err, errForeign) && !errors.Is(err, errDamaged) {
				t.Error(err)
			}
			return
		}
		if len(s.Error) > MaxError { // encode cuts it
			return
		}
		again, err := s.encode()
		must(t, err)
		got, err := decode(again)
		must(t, err)
		if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
