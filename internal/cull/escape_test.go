package cull

import (
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/testkit"
)

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
	s.wantLeft("link", "victim.out")
	outside.wantLeft("victim.out")
	if r.Directories != 1 {
		t.Errorf("%+v", r)
	}
}

// Somebody replaces a directory, or its parent, with a link to a directory outside of
// the root, again and again, while the culler works.
func TestSwappedForALinkWhileCulling(t *testing.T) {
	outside := newSite(t)
	outside.sent("victim.out", 50*hour)
	s := newSite(t)
	s.must(os.Mkdir(s.path+"/sub", 0o755))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swaps, culled := 0, 0
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			// The steps on x.out may fail, since the culler deletes it.
			if os.Rename(s.path+"/sub/x.out", s.path+"/hidden") == nil {
				swaps++
			}
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
		// If x.out exists, the directory gets the name that also exists outside.
		_ = os.Rename(s.path+"/fresh/x.out", s.path+"/sub/victim.out")
		s.must(os.RemoveAll(s.path + "/fresh"))
		culled += s.total(t.Context(), Options{}).Directories
	}
	close(stop)
	swapper.Wait()
	t.Logf("%d swaps, %d directories culled", swaps, culled)
	if swaps == 0 || culled == 0 {
		t.Error("nothing was swapped or culled: nothing was tested")
	}
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
	s.wantLeft("inside.out", "itself.out", "other")
	elsewhere.wantLeft("victim.out")
	if r.Directories != 1 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
	s.wantLogged("WARN", "inside.out/data", "another file system")
	s.wantLogged("WARN", "mount_not_entered", "/other", "in a run of its own")
	s.wantLogged("ERROR", "directory_not_culled", "/itself.out", `hint="unmount it"`)
	if _, err := os.Stat(s.path + "/inside.out/" + tcp); err != nil {
		t.Error("a log was deleted beside a mount:", err)
	}
}
