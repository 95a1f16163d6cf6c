package cull

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/testkit"
)

func TestLockedIsSkipped(t *testing.T) {
	s := newSite(t)
	s.sent("busy.out", 50*hour)
	s.sent("free.out", 50*hour)
	d, err := logdir.Open(s.entry("busy.out"))
	s.must(err)
	for _, dry := range []bool{true, false} {
		if r := s.total(t.Context(), Options{DryRun: dry}); r.Locked != 1 || r.Directories != 1 || r.Failed != 0 {
			t.Errorf("dry run %v: %+v", dry, r)
		}
	}
	s.wantLeft("busy.out")
	s.must(d.Close())
	s.cull(t.Context(), Options{})
	s.wantLeft()
}

// Execute notices what has changed since the plan was made.
func TestChangesAfterThePlan(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"grown.out", "marked_anew.out", "unmarked.out", "gone.out", "linked.out", "same.out"} {
		s.sent(name, 50*hour)
	}
	root := s.root()
	plan := MakePlan(t.Context(), []*logdir.Root{root}, s.now, s.options(Options{TTL: 48 * hour}))
	if len(plan.Items) != 6 {
		t.Fatalf("%+v", plan)
	}
	s.appendTo("grown.out/"+tcp, "more")
	s.age("marked_anew.out", hour)
	s.must(os.Remove(s.path + "/unmarked.out/.processed"))
	s.must(os.RemoveAll(s.path + "/gone.out"))
	s.sent("elsewhere/target.out", 50*hour)
	s.must(os.RemoveAll(s.path + "/linked.out"))
	s.must(os.Symlink("elsewhere/target.out", s.path+"/linked.out"))
	plan.Execute(t.Context())
	r := plan.Counts(root)
	s.wantLeft("elsewhere", "grown.out", "linked.out", "marked_anew.out", "unmarked.out")
	if r != (Counts{Found: 6, Directories: 1, Bytes: r.Bytes, Unmarked: 1, Changed: 1, Failed: 1}) {
		t.Errorf("%+v", r)
	}
	s.wantLogged("ERROR", "linked.out", "symbolic link")
	if _, err := os.Stat(s.path + "/elsewhere/target.out/" + tcp); err != nil {
		t.Error(err)
	}
}

// A file that tstat_send never reads is named before it is deleted, by a dry run too.
func TestNeverSentIsNamed(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	s.write("x.out/"+tcp+".1", row)
	for _, dry := range []bool{true, false} {
		s.log.Reset()
		s.cull(t.Context(), Options{DryRun: dry})
		s.wantLogged("WARN", "file_never_sent", "/x.out", "file="+tcp+".1")
		if n := strings.Count(s.log.String(), "file_never_sent"); n != 1 {
			t.Errorf("named %d times", n)
		}
	}
	s.wantLeft()
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
	s.write(name("future.out")+"/.processed", "processed")
	s.must(os.Chtimes(s.path+"/"+name("future.out")+"/.processed", time.Time{}, s.now.Add(hour)))
	r := s.total(t.Context(), Options{TTL: 48 * hour})
	s.wantLeft(name("stranger.out"), ".culled-other", "young.out")
	if r.Directories != 3 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	s.wantLogged("WARN", "directory_kept", name("stranger.out"), "no mark")
}

// listAfterLogs renames a file until a listing of its directory has the file after the logs.
func (s *site) listAfterLogs(dir, name string) {
	s.Helper()
	for i := range 10000 {
		f, err := os.Open(filepath.Join(s.path, dir))
		s.must(err)
		names, err := f.Readdirnames(-1)
		s.must(err)
		s.must(f.Close())
		if at := slices.Index(names, name); !slices.Contains(names[at:], tcp) && !slices.Contains(names[at:], udp) {
			return
		}
		old := name
		name = fmt.Sprintf("other_%d", i)
		s.must(os.Rename(filepath.Join(s.path, dir, old), filepath.Join(s.path, dir, name)))
	}
	s.Fatal("no name is listed after the logs")
}

// On a full disk a directory is deleted under its own name. Wherever that stops, a later
// run deletes the rest once the mark is old enough.
func TestStoppedInPlace(t *testing.T) {
	onlyMark := false
	for n := 0; ; n++ {
		s := newSite(t)
		s.write("x.out/other", "")
		s.sent("x.out", 47*hour)
		s.listAfterLogs("x.out", "other")
		d, err := logdir.Open(s.entry("x.out"))
		s.must(err)
		err = d.DeleteInPlace(testkit.Countdown(t.Context(), n))
		s.must(d.Close())
		logs, _ := filepath.Glob(s.path + "/x.out/log_*")
		onlyMark = onlyMark || err != nil && len(logs) == 0
		if err != nil {
			s.cull(t.Context(), Options{TTL: 48 * hour})
			s.wantLeft("x.out")
			s.age("x.out", 48*hour)
			for _, dry := range []bool{true, false} {
				if r := s.total(t.Context(), Options{TTL: 48 * hour, DryRun: dry}); r.Directories != 1 || r.Failed+r.Kept+r.Changed > 0 {
					t.Errorf("stopped after %d checks, dry run %v: %+v\n%s", n, dry, r, &s.log)
				}
			}
		}
		s.wantLeft()
		if err == nil {
			break
		}
	}
	if !onlyMark {
		t.Error("no run stopped between the last log and the mark")
	}
}

// A directory that never had a log is not one that a run has emptied.
func TestMarkedWithoutLogs(t *testing.T) {
	s := newSite(t)
	s.sent("capture.pcap.out/nested.out", 0)
	for _, name := range []string{"capture.pcap.out", "other.out"} {
		s.write(name+"/.processed", "processed")
		s.age(name, 50*hour)
	}
	s.write("other.out/histogram", "")
	s.must(os.Mkdir(s.path+"/new.out", 0o755))
	if r := s.total(t.Context(), Options{TTL: 48 * hour}); r != (Counts{Found: 1}) || s.log.Len() > 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
	s.wantLeft("capture.pcap.out", "new.out", "other.out")
}

// A directory that an earlier run has emptied stays if somebody puts a file into it after
// the plan was made.
func TestFileInAnEmptiedDirectory(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	for _, log := range []string{tcp, udp} {
		s.must(os.Remove(s.path + "/x.out/" + log))
	}
	root := s.root()
	plan := MakePlan(t.Context(), []*logdir.Root{root}, s.now, s.options(Options{TTL: 48 * hour}))
	if len(plan.Items) != 1 {
		t.Fatalf("%+v", plan)
	}
	s.write("x.out/notes", "keep")
	plan.Execute(t.Context())
	s.wantLeft("x.out")
	if r := plan.Counts(root); r != (Counts{}) {
		t.Errorf("%+v", r)
	}
	s.wantLogged("INFO", "directory_skipped", "x.out", "no longer due")
}

// Wherever a run stops, each directory either is whole or has lost its name, and the
// next run deletes it.
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
		s.wantLeft()
		if !stopped {
			if n < 20 {
				t.Errorf("the run checked its context only %d times", n)
			}
			return
		}
	}
}
