package logdir

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// begunDir returns a directory in which WriteFirst has written .processing, and the
// state of its log.
func begunDir(t *testing.T) (*Dir, State) {
	t.Helper()
	r := tree(t, map[string]string{"x.out/" + tcp: "#15#c_ip:1\n10.0.0.1\n"})
	d := open(t, entry(r, "x.out"))
	s := confirmed(t, d)
	must(t, d.WriteFirst(s))
	return d, s
}

// keepOpen opens a file until the test ends, so that no other file gets its inode, and
// returns the inode.
func keepOpen(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	return st.Ino
}

// onlyMarked wants the state s in .processed and no other state file.
func onlyMarked(t *testing.T, d *Dir, s State) {
	t.Helper()
	want, err := s.encode()
	must(t, err)
	if b, err := os.ReadFile(d.Path() + "/" + processed); err != nil || !bytes.Equal(b, want) {
		t.Errorf("the mark is %q, %v; want %q", b, err, want)
	}
	for _, name := range []string{processing, processing + temporary, processed + temporary} {
		if _, err := os.Lstat(d.Path() + "/" + name); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// TestFirstBecomesTheMark: the first state has no progress, and its file becomes the mark.
func TestFirstBecomesTheMark(t *testing.T) {
	d, s := begunDir(t)
	first, err := d.ReadProcessing()
	if err != nil || len(first.Logs) != 0 || first.Version != s.Version {
		t.Errorf("first state %+v, %v", first, err)
	}
	inode := keepOpen(t, d.Path()+"/"+processing)
	must(t, d.WriteProcessed(s))
	onlyMarked(t, d, s)
	if keepOpen(t, d.Path()+"/"+processed) != inode {
		t.Error("the mark is another file than the first state")
	}
	must(t, d.WriteProcessed(s)) // there is no first state any more
	onlyMarked(t, d, s)
}

// TestFirstIsNotOverwritten: WriteProcessed writes the mark to a new file if .processing is
// not the file of WriteFirst, was written to since, or has a second hard link.
func TestFirstIsNotOverwritten(t *testing.T) {
	other := []byte("of somebody else")
	for name, change := range map[string]func(t *testing.T, d *Dir, path string){
		"removed": func(t *testing.T, _ *Dir, path string) { must(t, os.Remove(path)) },
		"another file": func(t *testing.T, d *Dir, path string) {
			must(t, os.WriteFile(d.Path()+"/stranger", other, 0o644))
			must(t, os.Rename(d.Path()+"/stranger", path))
		},
		"hard link": func(t *testing.T, d *Dir, path string) { must(t, os.Link(path, d.Path()+"/stranger")) },
		"symbolic link": func(t *testing.T, d *Dir, path string) {
			must(t, os.Rename(path, d.Path()+"/stranger"))
			must(t, os.Symlink("stranger", path))
		},
		"FIFO": func(t *testing.T, _ *Dir, path string) {
			must(t, os.Remove(path))
			must(t, unix.Mkfifo(path, 0o644))
		},
		"written to": func(t *testing.T, _ *Dir, path string) { must(t, os.WriteFile(path, other, 0o644)) },
		"progress saved": func(t *testing.T, d *Dir, _ string) {
			must(t, d.WriteProcessing(confirmed(t, d)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := begunDir(t)
			inode := keepOpen(t, d.Path()+"/"+processing)
			change(t, d, d.Path()+"/"+processing)
			before, _ := os.ReadFile(d.Path() + "/stranger")
			must(t, d.WriteProcessed(s))
			onlyMarked(t, d, s)
			if keepOpen(t, d.Path()+"/"+processed) == inode {
				t.Error("the first state was overwritten")
			}
			if after, _ := os.ReadFile(d.Path() + "/stranger"); !bytes.Equal(before, after) {
				t.Errorf("the stranger is %q, was %q", after, before)
			}
		})
	}
}

// TestLargeMarkIsANewFile: a mark that is larger than a page does not overwrite the
// first state.
func TestLargeMarkIsANewFile(t *testing.T) {
	d, s := begunDir(t)
	inode := keepOpen(t, d.Path()+"/"+processing)
	ls := s.Logs[tcp]
	ls.Position, ls.End = 1e6, 1e6 // the file need not be that long
	for i := range int64(MaxHoles) {
		ls.Holes = append(ls.Holes, Hole{From: 100 * i, To: 100*i + 50})
	}
	s.Logs[tcp] = ls
	must(t, d.WriteProcessed(s))
	onlyMarked(t, d, s)
	if keepOpen(t, d.Path()+"/"+processed) == inode {
		t.Error("the first state was overwritten")
	}
	if bytes, _ := Backlog(d.Entry); bytes != 0 || !UpToDate(d.Entry) {
		t.Errorf("up to date: %v, and %d bytes are not confirmed", UpToDate(d.Entry), bytes)
	}
}

// TestMixtureIsNoState: whatever sectors of the mark a crash of the machine leaves in the
// file of the first state, the result is one of the two or damaged.
func TestMixtureIsNoState(t *testing.T) {
	first, err := State{Version: "v1", Logs: map[string]LogState{}}.encode()
	must(t, err)
	s := State{Version: "v1", Logs: map[string]LogState{}}
	for _, name := range append(fileNames[:], "log_x", "log_y") {
		s.Logs[name] = LogState{Size: 1e6, Position: 1e6, End: 1e6, Fingerprint: fingerprint([]byte("abc"))}
	}
	mark, err := s.encode()
	must(t, err)
	sectors := (len(mark) + sector - 1) / sector
	if sectors < 3 || len(first) > sector {
		t.Fatalf("%d bytes become %d", len(first), len(mark))
	}
	old := append(bytes.Clone(first), make([]byte, len(mark)-len(first))...)
	for written := range 1 << sectors {
		mixed := bytes.Clone(old)
		for i := range sectors {
			if written>>i&1 == 1 {
				copy(mixed[i*sector:min((i+1)*sector, len(mark))], mark[i*sector:])
			}
		}
		for _, size := range []int{len(first), len(mark)} {
			text := mixed[:size]
			_, err := decode(text)
			if whole := bytes.Equal(text, first) || bytes.Equal(text, mark); (err == nil) != whole {
				t.Errorf("sectors %b, %d bytes: %v: %q", written, size, err, text)
			}
		}
	}
}
