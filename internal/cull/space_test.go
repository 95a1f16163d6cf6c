package cull

import (
	"context"
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
	"tstat-transport/internal/test/testkit"
)

func TestSpaceText(t *testing.T) {
	f := func(text string, want Space) {
		t.Helper()
		var got Space
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	f("10%", Space{Percent: 10})
	f(" 0.5% ", Space{Percent: 0.5})
	f("4096B", Space{Bytes: 4096})
	f("50G", Space{Bytes: 50e9})
	f("50GiB", Space{Bytes: 50 << 30})
	f("50gi", Space{Bytes: 50 << 30})
	f("50gb", Space{Bytes: 50e9})
	f("1.5k", Space{Bytes: 1500})
	f("1.5Ki", Space{Bytes: 1536})
	f("2 T", Space{Bytes: 2e12})
	f("1e3M", Space{Bytes: 1e9})
	for _, bad := range []string{"", "%", "0%", "100%", "-1%", "NaN%", "G", "0", "-5G", "5GG", "5GiBB", "5 foo", "5iB", "1e40", "NaN", "Inf", "5BG", "0x10", "5%%", "5%G", "5", "1e3", "99e9P"} {
		var got Space
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
	var got Space
	if err := got.UnmarshalText([]byte("5")); err == nil || !strings.Contains(err.Error(), "write 5% or 5G") {
		t.Error(err)
	}
}

// On a full ext4 no block of the root has room for a new name. So the first directory
// must be deleted without being renamed.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	s := newSite(t)
	image := filepath.Join(t.TempDir(), "image")
	s.must(os.WriteFile(image, nil, 0o600))
	s.must(os.Truncate(image, 20<<20))
	const seed = "12345678-1234-1234-1234-123456789abc"
	for _, command := range [][]string{
		{"mkfs.ext4", "-q", "-b", "1024", "-m", "0", "-U", seed, "-E", "hash_seed=" + seed, image},
		{"mount", "-o", "loop", image, s.path},
	} {
		if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%q: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { s.must(unix.Unmount(s.path, unix.MNT_DETACH)) })
	const directories = 600
	for i := range directories {
		name := fmt.Sprintf("2016_02_%02d_%02d_%02d.out", 1+i/60, i%24, i%60)
		s.write(name+"/"+tcp, row)
		s.write(name+"/.processed", "processed\n")
		s.age(name, 50*hour)
	}
	fill, err := os.Create(s.path + "/fill")
	s.must(err)
	for err == nil {
		_, err = fill.Write(make([]byte, 1024))
	}
	s.must(fill.Close())
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	link := func(name string) bool {
		t.Helper()
		err := os.Link(s.path+"/fill", s.path+"/"+name)
		if err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		return err == nil
	}
	for i := range 2000 { // fill the blocks of the root
		link(fmt.Sprintf("%040d", i))
	}
	for i := range 500 {
		if token := fmt.Sprintf("%016x", i); link(logdir.CulledName("2016_02_01_00_00.out", token)) {
			t.Fatalf("there is room for the name with %s", token)
		}
	}
	if r := s.total(t.Context(), Options{Workers: 1}); r.Directories != directories || r.Failed != 0 {
		t.Errorf("%+v\n%s", r, &s.log)
	}
}

// A run that was interrupted does not say that no further directory may be deleted. What it
// has planned and not deleted is lacking.
func TestInterruptedBeforeThereIsRoom(t *testing.T) {
	o := Options{TTL: 48 * hour, MinFree: Space{Bytes: 1 << 61}, Workers: 1}
	interrupted := true
	for n := 1; interrupted; n++ {
		s := newSite(t)
		s.sent("2016_01_01_00_00.out", hour)
		s.sent("2016_01_01_00_01.out", 50*hour)
		ctx, cancel := context.WithCancel(t.Context())
		s.cull(&interloper{Context: ctx, left: n, act: cancel}, o)
		interrupted = ctx.Err() != nil
		cancel()
		if logged := strings.Contains(s.log.String(), "disk_short"); logged == interrupted {
			t.Errorf("interrupted at check %d: %t\n%s", n, interrupted, &s.log)
		}
	}

	s := newSite(t)
	s.sent("2016_01_01_00_01.out", 50*hour)
	root := s.root()
	plan := MakePlan(t.Context(), []*logdir.Root{root}, s.now, s.options(o))
	lacking := plan.space.of(root)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	plan.Execute(ctx)
	if got, want := plan.space.of(root), lacking+plan.Items[0].Disk; got != want || want == lacking {
		t.Errorf("%d bytes are lacking, want %d", got, want)
	}
}

// A disk of 64 blocks holds ten directories. All but the first have three blocks: two logs
// and a mark. The oldest that may go are deleted until enough is free, before the TTL.
func TestMakeRoom(t *testing.T) {
	const block = 4096
	s := newSite(t)
	testkit.Mount(t, "none", s.path, "tmpfs", 0, fmt.Sprintf("size=%d", 64*block))
	free := func() int64 {
		var st unix.Statfs_t
		s.must(unix.Statfs(s.path, &st))
		return int64(st.Bavail) * st.Bsize
	}
	name := func(i int) string { return fmt.Sprintf("2016_01_01_00_%02d.out", i) }
	for i := range 10 {
		switch i {
		case 0:
			s.write(name(i)+"/"+tcp, row) // not sent
		case 1:
			s.sent(name(i), -hour) // from the future
		case 2:
			s.sent(name(i), hour)
			s.appendTo(name(i)+"/"+tcp, "unsent")
		case 9:
			s.sent(name(i), 50*hour) // expired
		default:
			s.sent(name(i), hour)
		}
		for _, log := range []string{tcp, udp}[:min(i+1, 2)] {
			written := 3 * hour
			if i == 3 {
				written = hour // Tstat may still write to the logs
			}
			s.must(os.Chtimes(filepath.Join(s.path, name(i), log), time.Time{}, s.now.Add(-written)))
		}
	}
	o := Options{TTL: 48 * hour, MinFree: Space{Bytes: free() + 7*block}}
	dry := o
	dry.DryRun = true
	if r := s.total(t.Context(), dry); r.Directories != 3 {
		t.Errorf("%+v", r)
	}
	r := s.total(t.Context(), o) // 3 blocks of the expired directory, 6 of the two oldest that may go
	s.wantLeft(name(0), name(1), name(2), name(3), name(6), name(7), name(8))
	if r.Directories != 3 || r.Changed != 0 || free() < o.MinFree.Bytes {
		t.Errorf("%+v, %d free of %d", r, free(), o.MinFree.Bytes)
	}
	s.wantLogged("directory_culled", name(4), "why=min_free")
	if r := s.total(t.Context(), o); r.Directories != 0 {
		t.Errorf("deleted though enough was free: %+v", r)
	}
	result := s.cull(t.Context(), Options{TTL: 48 * hour, MinFree: Space{Percent: 99.9}})
	r = result.Total()
	if lacking := result.Roots[0].LackingBytes; lacking <= 9*block || lacking > 10*block {
		t.Errorf("%d bytes are lacking, want the ten blocks of four directories, without a thousandth of the disk", lacking)
	}
	s.wantLeft(name(0), name(1), name(2), name(3))
	if r.Directories != 3 {
		t.Errorf("%+v", r)
	}
	s.wantLogged("ERROR", "disk_short", "lacking_bytes")
	if _, err := os.Stat(s.path + "/" + name(2) + "/" + tcp); err != nil {
		t.Error(err)
	}
}
