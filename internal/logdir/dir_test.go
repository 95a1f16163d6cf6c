package logdir

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tstat-transport/internal/fastparse"
)

func TestOpenFollowsNoLink(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		outside := t.TempDir()
		must(t, os.MkdirAll(outside+"/x.out", 0o755))
		must(t, os.WriteFile(outside+"/x.out/"+tcp, nil, 0o644))
		r := tree(t, map[string]string{"sub/x.out/" + tcp: "", "file.out": ""})
		e := entry(r, "sub/x.out")
		must(t, open(t, e).Close())

		must(t, os.Symlink(outside+"/x.out", r.Path+"/last.out"))
		must(t, os.Rename(r.Path+"/sub", r.Path+"/moved"))
		must(t, os.Symlink(outside, r.Path+"/sub"))
		for _, rel := range []string{"last.out", "sub/x.out", "file.out", "../x.out", "sub/../file.out"} {
			if d, err := Open(entry(r, rel)); err == nil || errors.Is(err, ErrVanished) {
				t.Errorf("%s: %v, %v", rel, d, err)
			}
		}
		if _, err := Open(entry(r, "gone/x.out")); !errors.Is(err, ErrVanished) {
			t.Error(err)
		}
	})
}

func TestDirLock(t *testing.T) {
	r := tree(t, map[string]string{"x.out/" + tcp: ""})
	e := entry(r, "x.out")
	d := open(t, e)
	if _, err := Open(e); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), e.Path()) {
		t.Error(err)
	}
	unlocked, err := OpenUnlocked(e)
	must(t, err)
	must(t, unlocked.Close())
	must(t, d.Close())
	open(t, e)
}

// Another process renames the directory after it was opened and before it is locked.
func TestLockOfARenamedDirectory(t *testing.T) {
	d, err := OpenUnlocked(entry(tree(t, map[string]string{"x.out/" + tcp: ""}), "x.out"))
	must(t, err)
	defer d.Close()
	must(t, os.Rename(d.Path(), d.Path()+".away"))
	if err := d.lock(); !errors.Is(err, ErrVanished) {
		t.Error(err)
	}
}

func TestStillThere(t *testing.T) {
	r := tree(t, map[string]string{"x.out/" + tcp: ""})
	e := entry(r, "x.out")
	d := open(t, e)
	must(t, d.StillThere())
	must(t, os.Rename(e.Path(), e.Path()+".away"))
	if err := d.StillThere(); !errors.Is(err, ErrVanished) {
		t.Error(err)
	}
	must(t, os.Mkdir(e.Path(), 0o755)) // Tstat, restarted within the minute
	if err := d.StillThere(); !errors.Is(err, ErrVanished) {
		t.Error(err)
	}
	// A run that still works on the old directory does not write into the new one.
	must(t, os.RemoveAll(e.Path()+".away"))
	if err := d.WriteProcessed(State{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if names, _ := os.ReadDir(e.Path()); len(names) != 0 {
		t.Errorf("the new directory holds %v", names)
	}
}

func TestLogs(t *testing.T) {
	f := func(files string, want ...Log) {
		t.Helper()
		content := map[string]string{"x.out/log_http_complete": ""}
		for name := range strings.FieldsSeq(files) {
			content["x.out/"+name] = ""
		}
		got, err := open(t, entry(tree(t, content), "x.out")).Logs(context.Background())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", files, diff)
		}
	}
	f("")
	f("log_udp_complete log_tcp_complete", Log{Name: tcp, Protocol: fastparse.TCP}, Log{Name: udp, Protocol: fastparse.UDP})
	f("log_udp_complete.gz", Log{Name: udp, Protocol: fastparse.UDP, Gzip: true})
}

func TestOpenLogWantsARegularFile(t *testing.T) {
	r := tree(t, map[string]string{"fifo.out/": "", "link.out/": "", "dir.out/" + tcp + "/": "", "socket.out/": "", "none.out/": "", "secret": "s"})
	fifo(t, r.Path+"/fifo.out/"+tcp)
	must(t, os.Symlink("../secret", r.Path+"/link.out/"+tcp))
	t.Chdir(r.Path) // the name of a socket must be short
	l, err := net.Listen("unix", "socket.out/"+tcp)
	must(t, err)
	defer l.Close()
	log := Log{Name: tcp}
	for _, name := range []string{"fifo.out", "link.out", "dir.out", "socket.out"} {
		d := open(t, entry(r, name))
		if _, _, err := d.OpenLog(log); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), name+"/"+tcp) {
			t.Errorf("%s: %v", name, err)
		}
		if logs, err := d.Logs(context.Background()); len(logs) != 1 || err != nil {
			t.Errorf("%s: %v, %v", name, logs, err)
		}
	}
	if _, _, err := open(t, entry(r, "none.out")).OpenLog(log); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
