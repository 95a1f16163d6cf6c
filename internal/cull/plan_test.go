package cull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

func TestWhatGoesAndWhatStays(t *testing.T) {
	s := newSite(t)
	s.sent("old.out", 48*hour)
	s.sent("older.out", 1000*hour)
	s.sent("young.out", 48*hour-time.Second)
	s.sent("future.out", -hour)
	s.sent("grown.out", 50*hour)
	s.appendTo("grown.out/"+tcp, "10.0.0.2 80\n")
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
	s.wantLeft("damaged.out", "dir.out", "future.out", "grown.out", "link.out", "nested.out", "new_log.out", "plain.out",
		"replaced.out", "sub", "unfinished.out", "unmarked.out", "young.out", "young_python.out")
	if entries, _ := os.ReadDir(s.path + "/sub"); len(entries) != 0 {
		t.Error(entries)
	}
	if r != (Counts{Found: 16, Directories: 4, Bytes: r.Bytes, Unmarked: 3, Changed: 3, Kept: 2, Failed: 2}) {
		t.Errorf("%+v", r)
	}
	if dry != r {
		t.Errorf("the dry run counted %+v, the run %+v", dry, r)
	}
	s.wantLogged("WARN", "directory_kept", "grown.out", "log_tcp_complete has grown")
	s.wantLogged("WARN", "directory_kept", "replaced.out", "log_udp_complete was replaced")
	s.wantLogged("WARN", "directory_kept", "new_log.out", "log_udp_complete is new")
	s.wantLogged("WARN", "directory_kept", "damaged.out", "damaged")
	s.wantLogged("WARN", "directory_kept", "future.out", "dated in the future")
	s.wantLogged("WARN", "directory_kept", "nested.out/sub/"+tcp)
	s.wantLogged("ERROR", "link.out/.processed", "not a regular file")
	s.wantLogged("ERROR", "dir.out/.processed", "not a regular file")
	s.wantLogged("would_cull", "/old.out", "why=ttl", "age=48h0m0s")

	// A directory that was kept is deleted once the rest of it is sent.
	s.mark("grown.out", 49*hour)
	if r := s.total(t.Context(), Options{TTL: 48 * hour}); r.Directories != 1 || r.Bytes < int64(2*len(row)) {
		t.Errorf("%+v", r)
	}
}

func TestTTLZeroKeepsOnlyTheFuture(t *testing.T) {
	s := newSite(t)
	s.sent("now.out", 0)
	s.sent("future.out", -time.Second)
	s.cull(t.Context(), Options{})
	s.wantLeft("future.out")
}

// A mark from the clock of a file server may be a little in the future. Its directory is
// kept without a warning.
func TestMarkSlightlyInTheFuture(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", -50*time.Second)
	if r := s.total(t.Context(), Options{}); r != (Counts{Found: 1}) || s.log.Len() > 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
}

// A directory with zero bytes in a log, where data may still arrive, is deleted only when
// its logs, too, have not changed for the whole TTL. It is never deleted for space before.
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
		later   time.Duration // after the logs were written
		free    Space
		deleted int
	}{{0, Space{}, 0}, {47 * hour, Space{}, 0}, {47 * hour, Space{Percent: 99.9}, 0}, {49 * hour, Space{}, 1}} {
		r := Run(t.Context(), []string{s.path}, s.now.Add(c.later), s.options(Options{TTL: 48 * hour, MinFree: c.free})).Total()
		if r.Directories != c.deleted || r.Failed+r.Kept+r.Changed > 0 {
			t.Errorf("%v later: %+v\n%s", c.later, r, &s.log)
		}
	}
}

// A directory that this user may not enter is a failure only if its name ends in .out.
func TestClosedDirectoryOfSomebodyElse(t *testing.T) {
	s := newSite(t)
	c := newCuller(s.now, s.options(Options{}))
	root := s.root()
	c.notEntered(t.Context(), root, s.path+"/closed", os.ErrPermission)
	if got := c.tally.get(root); got != (Counts{}) {
		t.Errorf("%+v", got)
	}
	s.wantLogged("INFO", "directory_not_entered", "/closed ")
	c.notEntered(t.Context(), root, s.path+"/closed.out", os.ErrPermission)
	if got := c.tally.get(root); got != (Counts{Failed: 1}) {
		t.Errorf("%+v", got)
	}
	s.wantLogged("ERROR", "directory_unreadable", "/closed.out ")
}

// The hint that Tstat has made the directory anew is for a directory that cannot be moved
// back, and not for one into which somebody writes while it is deleted.
func TestHintOfADirectoryThatIsNotEmpty(t *testing.T) {
	s := newSite(t)
	c := newCuller(s.now, s.options(Options{}))
	c.recordOutcome(t.Context(), s.entry("x.out"), &os.PathError{Op: "remove", Path: s.path + "/x.out", Err: unix.ENOTEMPTY})
	s.wantLogged("ERROR", "directory_not_culled", "directory not empty")
	if strings.Contains(s.log.String(), "anew") {
		t.Errorf("wrong hint: %s", &s.log)
	}
}

// failing is a context in which the third and fourth call of Err fail. A listing of two pieces
// makes these calls after its last name and before its end. The errors stand for a failing
// disk, which a test cannot make.
type failing struct {
	context.Context
	calls int
}

func (f *failing) Err() error {
	if f.calls++; f.calls == 3 || f.calls == 4 {
		return errors.New("the disk fails")
	}
	return nil
}

// The directories that were found before the listing of a root failed are not taken for
// leftovers: the TTL protects them.
func TestRootThatCannotBeReadToItsEnd(t *testing.T) {
	s := newSite(t)
	for i := range 1100 { // a listing reads pieces of 1024 names
		s.write(fmt.Sprintf("%04d.out/%s", i, tcp), row)
		s.write(fmt.Sprintf("%04d.out/.processed", i), "processed")
	}
	root := s.root()
	plan := MakePlan(&failing{Context: t.Context()}, []*logdir.Root{root}, s.now, s.options(Options{TTL: hour}))
	if err := plan.unreadable[root]; err == nil || !strings.Contains(err.Error(), "the disk fails") {
		t.Fatalf("error %v, want that of the listing", err)
	}
	if len(plan.Items) > 0 {
		t.Errorf("%d directories are to be deleted before the TTL, as %s", len(plan.Items), plan.Items[0].Why)
	}
}

func TestUnreadableRoots(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	s.write("file", "")
	// The last root is given twice: the second deletion of x.out is no failure.
	r := Run(t.Context(), []string{s.path + "/none", s.path + "/file", s.path, s.path}, s.now, s.options(Options{}))
	s.wantLeft("file")
	var unreadable []bool
	for _, root := range r.Roots {
		unreadable = append(unreadable, root.Unreadable)
	}
	if total := r.Total(); !slices.Equal(unreadable, []bool{true, true, false, false}) || total.Directories != 1 || total.Failed != 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
	s.wantLogged("ERROR", "root_unreadable", s.path+"/none", "no such file")
}
