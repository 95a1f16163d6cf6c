package cull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/testkit"
)

func TestWhatGoesAndWhatStays(t *testing.T) {
	s := newSite(t)
	s.sent("old.out", 48*hour)
	s.sent("older.out", 1000*hour)
	s.sent("young.out", 48*hour-time.Second)
	s.sent("future.out", -hour)
	s.sent("grown.out", 50*hour)
	s.add("grown.out/"+tcp, "10.0.0.2 80\n")
	s.sent("replaced.out", 50*hour)
	s.write("replaced.out/"+udp, strings.Replace(row, "80", "81", 1))
	s.write("new_log.out/"+tcp, row)
	s.mark("new_log.out", 50*hour)
	s.write("new_log.out/"+udp, row)
	s.write("unmarked.out/"+tcp, row)
	s.write("unfinished.out/"+tcp, row)
	s.write("unfinished.out/.processing", "{}")
	s.write("python.out/"+tcp, row)
	s.write("python.out/.processed", "processed\n")
	s.age("python.out", 50*hour)
	s.write("young_python.out/"+tcp, row)
	s.write("young_python.out/.processed", "processed\n")
	s.write("damaged.out/"+tcp, row)
	s.write("damaged.out/.processed", `{"tool":"tstat_send","logs":{"lo`)
	s.age("damaged.out", 50*hour)
	s.write("link.out/"+tcp, row)
	s.must(os.Symlink("../old.out/.processed", s.path+"/link.out/.processed"))
	s.write("dir.out/"+tcp, row)
	s.must(os.Mkdir(s.path+"/dir.out/.processed", 0o755))
	s.sent("nested.out", 50*hour)
	s.write("nested.out/sub/"+tcp, row)
	s.write("plain.out/readme", "no logs")
	s.sent("sub/sp ace\n\xff.out", 50*hour)

	dry := s.total(t.Context(), Options{TTL: 48 * hour, DryRun: true})
	if len(s.left()) != 17 {
		t.Errorf("a dry run left %q", s.left())
	}
	r := s.total(t.Context(), Options{TTL: 48 * hour})
	s.expect("damaged.out", "dir.out", "future.out", "grown.out", "link.out", "nested.out", "new_log.out", "plain.out",
		"replaced.out", "sub", "unfinished.out", "unmarked.out", "young.out", "young_python.out")
	if entries, _ := os.ReadDir(s.path + "/sub"); len(entries) != 0 {
		t.Error(entries)
	}
	if r != (Counts{Found: 16, Directories: 4, Bytes: r.Bytes, Unmarked: 3, Changed: 3, Kept: 2, Failed: 2}) {
		t.Errorf("%+v", r)
	}
	if dry != r {
		t.Errorf("the dry run foretold %+v, it was %+v", dry, r)
	}
	s.says("WARN", "directory_kept", "grown.out", "log_tcp_complete has grown")
	s.says("WARN", "directory_kept", "replaced.out", "log_udp_complete was replaced")
	s.says("WARN", "directory_kept", "new_log.out", "log_udp_complete is new")
	s.says("WARN", "directory_kept", "damaged.out", "damaged")
	s.says("WARN", "directory_kept", "future.out", "dated in the future")
	s.says("WARN", "directory_kept", "nested.out/sub/"+tcp)
	s.says("ERROR", "link.out/.processed", "not a regular file")
	s.says("ERROR", "dir.out/.processed", "not a regular file")
	s.says("would_cull", "/old.out", "why=ttl", "age=48h0m0s")

	// What was waiting goes once it is sent.
	s.mark("grown.out", 49*hour)
	if r := s.total(t.Context(), Options{TTL: 48 * hour}); r.Directories != 1 || r.Bytes < int64(2*len(row)) {
		t.Errorf("%+v", r)
	}
}

func TestTTLZeroTakesAllButTheFuture(t *testing.T) {
	s := newSite(t)
	s.sent("now.out", 0)
	s.sent("future.out", -time.Second)
	s.cull(t.Context(), Options{})
	s.expect("future.out")
}

func TestLockedIsSkipped(t *testing.T) {
	s := newSite(t)
	s.sent("busy.out", 50*hour)
	s.sent("free.out", 50*hour)
	d, err := logdir.Open(s.entry("busy.out"))
	s.must(err)
	if r := s.total(t.Context(), Options{}); r.Locked != 1 || r.Directories != 1 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	s.expect("busy.out")
	s.must(d.Close())
	s.cull(t.Context(), Options{})
	s.expect()
}

// What changes between the plan and its execution is seen.
func TestPlanIsLookedAtAgain(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"grown.out", "marked_anew.out", "unmarked.out", "gone.out", "linked.out", "same.out"} {
		s.sent(name, 50*hour)
	}
	o := s.options(Options{TTL: 48 * hour})
	root := s.root()
	plan := MakePlan(t.Context(), []*logdir.Root{root}, s.now, o)
	if len(plan.Items) != 6 {
		t.Fatalf("%+v", plan)
	}
	s.add("grown.out/"+tcp, "more")
	s.age("marked_anew.out", hour)
	s.must(os.Remove(s.path + "/unmarked.out/.processed"))
	s.must(os.RemoveAll(s.path + "/gone.out"))
	s.sent("elsewhere/target.out", 50*hour)
	s.must(os.RemoveAll(s.path + "/linked.out"))
	s.must(os.Symlink("elsewhere/target.out", s.path+"/linked.out"))
	Execute(t.Context(), plan, o)
	r := plan.Counts(root)
	s.expect("elsewhere", "grown.out", "linked.out", "marked_anew.out", "unmarked.out")
	if r != (Counts{Found: 6, Directories: 1, Bytes: r.Bytes, Unmarked: 1, Changed: 1, Failed: 1}) {
		t.Errorf("%+v", r)
	}
	s.says("ERROR", "linked.out", "symbolic link")
	if _, err := os.Stat(s.path + "/elsewhere/target.out/" + tcp); err != nil {
		t.Error(err)
	}
}

// A writer that has had the log open all the while writes to it after the
// directory has been moved away.
func TestRowsWrittenAtTheLastMomentComeBack(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	d, err := logdir.Open(s.entry("x.out"))
	s.must(err)
	s.must(d.MoveAway())
	s.add(d.Name+"/"+tcp, "10.0.0.2 80\n")
	p := &planner{Options: s.options(Options{}), now: s.now}
	if err := p.verifyMoved(t.Context(), d); err == nil || !strings.Contains(err.Error(), "has grown") {
		t.Error(err)
	}
	s.must(d.MoveBack())
	s.expect("x.out")

	// The same, killed before it looked: the next run gives the name back.
	s.must(d.MoveAway())
	s.must(d.Close())
	if r := s.total(t.Context(), Options{}); r.Changed != 1 || r.Directories != 0 {
		t.Errorf("%+v", r)
	}
	s.expect("x.out")
	s.says("WARN", "directory_kept", "got its name back")

	// Its name was taken in the meantime: it stays, and says so.
	d, err = logdir.Open(s.entry("x.out"))
	s.must(err)
	s.must(d.MoveAway())
	s.must(d.Close())
	s.write("x.out/"+tcp, row)
	if r := s.total(t.Context(), Options{}); r.Failed != 1 || r.Directories != 0 {
		t.Errorf("%+v", r)
	}
	s.expect("x.out", d.Name)
	s.says("ERROR", d.Name, "file exists")
}

// watcher is a context that acts at the n-th look at it.
type watcher struct {
	context.Context
	mu   sync.Mutex
	left int
	act  func()
}

func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left--; w.left == 0 {
		w.act()
	}
	return w.Context.Err()
}

// Tstat adds a row at every moment at which a run looks at its context: as
// long as the directory has its name, it keeps it, and the row.
func TestRowsWrittenAtAnyMomentStay(t *testing.T) {
	for n := 1; ; n++ {
		s := newSite(t)
		s.sent("x.out", 50*hour)
		log, err := os.OpenFile(s.path+"/x.out/"+tcp, os.O_APPEND|os.O_WRONLY, 0)
		s.must(err)
		acted, named := false, false
		s.cull(&watcher{Context: t.Context(), left: n, act: func() {
			_, err := os.Stat(s.path + "/x.out")
			acted, named = true, err == nil
			_, err = log.WriteString("10.0.0.2 80\n")
			s.must(err)
		}}, Options{Workers: 1})
		s.must(log.Close())
		if !acted {
			if n < 12 {
				t.Errorf("the run looked at its context only %d times", n)
			}
			return
		}
		if b, err := os.ReadFile(s.path + "/x.out/" + tcp); named && !strings.HasSuffix(string(b), "10.0.0.2 80\n") {
			t.Errorf("at look %d: %v\n%s", n, err, &s.log)
		}
	}
}

// Files become immutable at every moment at which a run looks at its context.
// A directory from which nothing was deleted keeps its name or gets it back.
func TestUndeletableAtAnyMoment(t *testing.T) {
	for n := 1; ; n++ {
		s := newSite(t)
		s.sent("x.out", 50*hour)
		files := []string{tcp, udp, ".processed"}
		var open []*os.File
		for _, name := range files {
			f, err := os.Open(s.path + "/x.out/" + name)
			s.must(err)
			open = append(open, f)
		}
		chattr := func(flags int) {
			for _, f := range open {
				if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); flags != 0 && err != nil {
					t.Skipf("no attributes can be set here: %v", err)
				}
			}
		}
		acted := false
		r := s.total(&watcher{Context: t.Context(), left: n, act: func() { acted = true; chattr(unix.STATX_ATTR_IMMUTABLE) }}, Options{Workers: 1})
		whole, _ := filepath.Glob(s.path + "/.culled-*/" + "log_*")
		named := s.left()
		chattr(0)
		for _, f := range open {
			s.must(f.Close())
		}
		if len(whole) == 2 {
			t.Errorf("at look %d: nothing was deleted, and it has not its name: %q\n%s", n, named, &s.log)
		}
		if len(named) > 0 && r.Failed != 1 {
			t.Errorf("at look %d: %q is left, and the run says %+v", n, named, r)
		}
		if !acted {
			if n < 12 {
				t.Errorf("the run looked at its context only %d times", n)
			}
			return
		}
	}
}

// A directory that is none of Tstat's and cannot be entered is no failure.
func TestClosedDirectoryOfSomebodyElse(t *testing.T) {
	s := newSite(t)
	p := &planner{Options: s.options(Options{}), tally: &tally{counts: map[*logdir.Root]*Counts{}}}
	root := s.root()
	p.notEntered(t.Context(), root, s.path+"/closed", os.ErrPermission)
	if c := p.tally.get(root); c != (Counts{}) {
		t.Errorf("%+v", c)
	}
	s.says("INFO", "directory_not_entered", "/closed ")
	p.notEntered(t.Context(), root, s.path+"/closed.out", os.ErrPermission)
	if c := p.tally.get(root); c != (Counts{Failed: 1}) {
		t.Errorf("%+v", c)
	}
	s.says("ERROR", "directory_unreadable", "/closed.out ")
}

// A mark that is a little ahead, as that of a file server may be, is no cause
// for a word; nor is one written while the run goes on.
func TestMarkSlightlyInTheFuture(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", -50*time.Second)
	if r := s.total(t.Context(), Options{}); r != (Counts{Found: 1}) || s.log.Len() > 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
}

// A directory with zero bytes in a log, where data may still arrive, goes when
// its logs have not changed for the whole ttl, whatever the age of its mark,
// and never early.
func TestZeroBytesWaitForTheWholeTTL(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	d, err := logdir.Open(s.entry("x.out"))
	s.must(err)
	mark, err := d.ReadProcessed()
	s.must(err)
	l := mark.State.Logs[tcp]
	l.ZeroTail = true
	mark.State.Logs[tcp] = l
	s.must(d.WriteProcessed(mark.State))
	s.must(d.Close())
	s.age("x.out", 50*hour)
	for _, c := range []struct {
		later time.Duration
		free  Space
		goes  int
	}{{0, Space{}, 0}, {47 * hour, Space{}, 0}, {47 * hour, Space{Percent: 99.9}, 0}, {49 * hour, Space{}, 1}} {
		r := Run(t.Context(), []string{s.path}, s.now.Add(c.later), s.options(Options{TTL: 48 * hour, MinFree: c.free})).Total()
		if r.Directories != c.goes || r.Failed+r.Kept+r.Changed > 0 {
			t.Errorf("%v later: %+v\n%s", c.later, r, &s.log)
		}
	}
}

// A file that tstat_send never reads is named before it goes, by the dry run too.
func TestNeverSentIsNamed(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	s.write("x.out/"+tcp+".1", row)
	for _, dry := range []bool{true, false} {
		s.log.Reset()
		s.cull(t.Context(), Options{DryRun: dry})
		s.says("WARN", "file_never_sent", "/x.out", "file="+tcp+".1")
		if n := strings.Count(s.log.String(), "file_never_sent"); n != 1 {
			t.Errorf("named %d times", n)
		}
	}
	s.expect()
}

func TestLeftovers(t *testing.T) {
	token := strings.Repeat("ab", 8)
	s := newSite(t)
	s.sent("young.out", 0)
	name := func(n string) string { return logdir.CulledName(n, token) }
	s.write(name("python.out")+"/.processed", "processed")
	s.must(os.Mkdir(s.path+"/"+name("empty.out"), 0o755))
	s.write(name("stranger.out")+"/keep", "not ours")
	s.write(".culled-other/keep", "not our pattern")
	s.write(name("late.out")+"/.processed", "processed")
	s.must(os.Chtimes(s.path+"/"+name("late.out")+"/.processed", time.Time{}, s.now.Add(hour)))
	r := s.total(t.Context(), Options{TTL: 48 * hour})
	s.expect(name("stranger.out"), ".culled-other", "young.out")
	if r.Directories != 3 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	s.says("WARN", "directory_kept", name("stranger.out"), "no mark")
}

// Wherever a run stops, each directory is either whole or does not look like
// one any more, and the next run finishes it.
func TestStoppedAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		s := newSite(t)
		for _, name := range []string{"a.out", "b.out", "c.out"} {
			s.sent(name, 50*hour)
		}
		r := s.total(testkit.Countdown(t.Context(), n), Options{Workers: 1})
		for _, name := range s.left() {
			if strings.HasSuffix(name, ".out") {
				for _, file := range []string{tcp, udp, ".processed"} {
					if _, err := os.Stat(filepath.Join(s.path, name, file)); err != nil {
						t.Errorf("after %d: %v", n, err)
					}
				}
			}
		}
		if r.Failed > 0 || r.Changed > 0 {
			t.Errorf("after %d: %+v\n%s", n, r, &s.log)
		}
		stopped := len(s.left()) > 0
		s.cull(t.Context(), Options{})
		s.expect()
		if !stopped {
			if n < 20 {
				t.Errorf("the run looked at its context only %d times", n)
			}
			return
		}
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	s := newSite(t)
	outside := newSite(t)
	outside.sent("victim.out", 50*hour)
	s.must(os.Symlink(outside.path, s.path+"/link"))
	s.must(os.Symlink(outside.path+"/victim.out", s.path+"/victim.out"))
	s.sent("x.out", 50*hour)
	s.must(os.Symlink(outside.path, s.path+"/x.out/link"))
	s.must(os.Symlink(outside.path+"/victim.out/"+tcp, s.path+"/x.out/log"))
	r := s.total(t.Context(), Options{})
	s.expect("link", "victim.out")
	outside.expect("victim.out")
	if r.Directories != 1 {
		t.Errorf("%+v", r)
	}
}

// Somebody swaps a directory for a link to one outside, again and again, while
// the culler works.
func TestSwappedForALinkWhileCulling(t *testing.T) {
	outside := newSite(t)
	outside.sent("victim.out", 50*hour)
	s := newSite(t)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// Each step may fail, since the culler takes the directory away.
			_ = os.Rename(s.path+"/sub/x.out", s.path+"/hidden")
			_ = os.Symlink(outside.path+"/victim.out", s.path+"/sub/x.out")
			_ = os.Remove(s.path + "/sub/x.out")
			_ = os.Rename(s.path+"/sub", s.path+"/hidden_sub")
			_ = os.Symlink(outside.path, s.path+"/sub")
			_ = os.Remove(s.path + "/sub")
			_ = os.Rename(s.path+"/hidden_sub", s.path+"/sub")
			_ = os.Rename(s.path+"/hidden", s.path+"/sub/x.out")
		}
	})
	for range 150 {
		_ = os.MkdirAll(s.path+"/fresh", 0o755)
		s.sent("fresh/x.out", 50*hour)
		_ = os.Rename(s.path+"/fresh/x.out", s.path+"/sub/x.out")
		_ = os.Rename(s.path+"/fresh/x.out", s.path+"/sub/victim.out")
		s.must(os.RemoveAll(s.path + "/fresh"))
		s.cull(t.Context(), Options{})
	}
	close(stop)
	swapper.Wait()
	for _, file := range []string{tcp, udp, ".processed"} {
		if _, err := os.Stat(outside.path + "/victim.out/" + file); err != nil {
			t.Error(err)
		}
	}
}

func TestMountsAreNotCrossed(t *testing.T) {
	s := newSite(t)
	s.sent("inside.out", 50*hour)
	s.must(os.Mkdir(s.path+"/inside.out/data", 0o755))
	s.must(os.Mkdir(s.path+"/other", 0o755))
	s.must(os.Mkdir(s.path+"/itself.out", 0o755))
	s.sent("plain.out", 50*hour)
	elsewhere := newSite(t)
	elsewhere.sent("victim.out", 50*hour)
	testkit.Mount(t, elsewhere.path, s.path+"/inside.out/data", "", unix.MS_BIND, "")
	testkit.Mount(t, elsewhere.path, s.path+"/other", "", unix.MS_BIND, "")
	testkit.Mount(t, elsewhere.path+"/victim.out", s.path+"/itself.out", "", unix.MS_BIND, "")
	r := s.total(t.Context(), Options{})
	s.expect("inside.out", "itself.out", "other")
	elsewhere.expect("victim.out")
	if r.Directories != 1 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
	s.says("WARN", "inside.out/data", "another file system")
	s.says("WARN", "mount_not_entered", "/other", "hint")
	if _, err := os.Stat(s.path + "/inside.out/" + tcp); err != nil {
		t.Error("a directory with a mount inside was touched:", err)
	}
}

// failing is a context that a listing of more than one piece finds ended in
// its midst, once: as nearly as a test can have a disk that fails there.
type failing struct {
	context.Context
	looks int
}

func (f *failing) Err() error {
	if f.looks++; f.looks == 3 || f.looks == 4 {
		return errors.New("the disk fails")
	}
	return nil
}

// What was found of a root before it could not be read further is no leftover
// of a run before: a directory that was not moved away has its time to live.
func TestRootThatCannotBeReadToItsEnd(t *testing.T) {
	s := newSite(t)
	for i := range 1100 { // a piece is 1024
		s.write(fmt.Sprintf("%04d.out/%s", i, tcp), row)
		s.write(fmt.Sprintf("%04d.out/.processed", i), "processed")
	}
	root := s.root()
	plan := MakePlan(&failing{Context: t.Context()}, []*logdir.Root{root}, s.now, s.options(Options{TTL: hour}))
	if err := plan.unreadable[root]; err == nil || !strings.Contains(err.Error(), "the disk fails") {
		t.Fatalf("error %v, want that of the listing", err)
	}
	if len(plan.Items) > 0 {
		t.Errorf("%d directories go before their time, as %s", len(plan.Items), plan.Items[0].Why)
	}
}

func TestRootsThatAreNotThere(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	s.write("file", "")
	r := Run(t.Context(), []string{s.path + "/none", s.path + "/file", s.path, s.path}, s.now, s.options(Options{}))
	s.expect("file")
	var unreadable []bool
	for _, root := range r.Roots {
		unreadable = append(unreadable, root.Unreadable)
	}
	if total := r.Total(); !slices.Equal(unreadable, []bool{true, true, false, false}) || total.Directories != 1 || total.Failed != 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
	s.says("ERROR", "root_unreadable", s.path+"/none", "no such file")
}
