package cull

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// A writer that holds a log open adds a row after the directory was moved away.
func TestRowsWrittenAtTheLastMomentComeBack(t *testing.T) {
	s := newSite(t)
	s.sent("x.out", 50*hour)
	d, err := logdir.Open(s.entry("x.out"))
	s.must(err)
	s.must(d.MoveAway())
	s.appendTo(d.Name+"/"+tcp, "10.0.0.2 80\n")
	if err := verifyBeforeDelete(t.Context(), d); err == nil || !strings.Contains(err.Error(), "has grown") {
		t.Error(err)
	}
	s.must(d.MoveBack())
	s.wantLeft("x.out")

	// The same, but the run dies before it compares again: the next run gives the name back.
	s.must(d.MoveAway())
	s.must(d.Close())
	if r := s.total(t.Context(), Options{}); r.Changed != 1 || r.Directories != 0 {
		t.Errorf("%+v", r)
	}
	s.wantLeft("x.out")
	s.wantLogged("WARN", "directory_kept", "got its name back")

	// Another directory has taken the name in the meantime: the leftover stays, with an error.
	d, err = logdir.Open(s.entry("x.out"))
	s.must(err)
	s.must(d.MoveAway())
	s.must(d.Close())
	s.write("x.out/"+tcp, row)
	if r := s.total(t.Context(), Options{}); r.Failed != 1 || r.Directories != 0 {
		t.Errorf("%+v", r)
	}
	s.wantLeft("x.out", d.Name)
	s.wantLogged("ERROR", d.Name, "file exists", "give the leftover another name")
}

// interloper is a context that calls act at the chosen call of its Err, which a run calls to
// check whether it must stop.
type interloper struct {
	context.Context
	mu   sync.Mutex
	left int // calls of Err up to act
	act  func()
}

func (i *interloper) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.left--; i.left == 0 {
		i.act()
	}
	return i.Context.Err()
}

// Tstat adds a row at each moment at which a run checks its context. If the directory
// still has its name then, the directory keeps its name and the row.
func TestRowsWrittenAtAnyMomentStay(t *testing.T) {
	for n := 1; ; n++ {
		s := newSite(t)
		s.sent("x.out", 50*hour)
		log, err := os.OpenFile(s.path+"/x.out/"+tcp, os.O_APPEND|os.O_WRONLY, 0)
		s.must(err)
		acted, named := false, false
		s.cull(&interloper{Context: t.Context(), left: n, act: func() {
			_, err := os.Stat(s.path + "/x.out")
			acted, named = true, err == nil
			_, err = log.WriteString("10.0.0.2 80\n")
			s.must(err)
		}}, Options{Workers: 1})
		s.must(log.Close())
		if !acted {
			if n < 12 {
				t.Errorf("the run checked its context only %d times", n)
			}
			return
		}
		if b, err := os.ReadFile(s.path + "/x.out/" + tcp); named && !strings.HasSuffix(string(b), "10.0.0.2 80\n") {
			t.Errorf("row added at check %d: %v\n%s", n, err, &s.log)
		}
	}
}

// Tstat makes a directory anew that was moved away, and the run is interrupted before it
// deletes anything. That the directory cannot be moved back is an error.
func TestMovedAwayAndMadeAnew(t *testing.T) {
	for n := 1; ; n++ {
		s := newSite(t)
		s.sent("x.out", 50*hour)
		ctx, cancel := context.WithCancel(t.Context())
		acted := false
		r := s.total(&interloper{Context: ctx, left: n, act: func() {
			acted = true
			if _, err := os.Stat(s.path + "/x.out"); err != nil {
				s.write("x.out/"+tcp, row)
				cancel()
			}
		}}, Options{Workers: 1})
		cancel()
		if !acted {
			t.Fatal("no run was interrupted between the renaming and the first deletion")
		}
		if whole, _ := filepath.Glob(s.path + "/.culled-*/log_*"); len(whole) == 2 {
			if r.Failed != 1 {
				t.Errorf("interrupted at check %d: %+v", n, r)
			}
			s.wantLogged("ERROR", "directory_not_culled", "context canceled", "cannot be moved back", "file exists", "give the leftover another name")
			return
		}
	}
}

// All files become immutable at each moment at which a run checks its context. A
// directory from which nothing was deleted keeps its name or gets it back.
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
		chattr := func(flags int) (err error) {
			for _, f := range open {
				err = errors.Join(err, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags))
			}
			return err
		}
		acted := false
		var refused error // by the file system; act runs on a goroutine that must not skip the test
		r := s.total(&interloper{Context: t.Context(), left: n, act: func() {
			acted, refused = true, chattr(unix.STATX_ATTR_IMMUTABLE) // the value of FS_IMMUTABLE_FL
		}}, Options{Workers: 1})
		renamedLogs, _ := filepath.Glob(s.path + "/.culled-*/log_*")
		left := s.left()
		_ = chattr(0) // fails for files that were deleted
		for _, f := range open {
			s.must(f.Close())
		}
		if refused != nil {
			t.Skipf("no attributes can be set here: %v", refused)
		}
		if len(renamedLogs) == 2 {
			t.Errorf("immutable at check %d: nothing was deleted, but the directory lost its name: %q\n%s", n, left, &s.log)
		}
		if len(left) > 0 && r.Failed != 1 {
			t.Errorf("immutable at check %d: %q is left, and the run counts %+v", n, left, r)
		}
		if !acted {
			if n < 12 {
				t.Errorf("the run checked its context only %d times", n)
			}
			return
		}
	}
}
