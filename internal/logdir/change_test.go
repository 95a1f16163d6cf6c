package logdir

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// TestChange modifies a marked directory. Unsent returns what is not sent. UpToDate and
// Resume read less, so they may also report a change that brought no rows.
func TestChange(t *testing.T) {
	big := rows("a", 20000) // beyond what a fingerprint reaches
	cases := []struct {
		name     string
		before   map[string]string
		modify   func(t *testing.T, d *Dir)
		change   Change // of the TCP log
		unsent   string // empty if everything is sent
		upToDate bool
	}{
		{"nothing", map[string]string{tcp: big, udp: rows("u", 3)}, func(*testing.T, *Dir) {}, Unchanged, "", true},
		{"nothing, compressed", map[string]string{tcp + ".gz": packed(big)}, func(*testing.T, *Dir) {}, Unchanged, "", true},
		{"nothing, empty", map[string]string{tcp: ""}, func(*testing.T, *Dir) {}, Unchanged, "", true},
		{"nothing, empty gzip", map[string]string{tcp + ".gz": ""}, func(*testing.T, *Dir) {}, Unchanged, "", true},
		{"another log gone", map[string]string{tcp: big, udp: "u"}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+udp))
		}, Unchanged, "", true},
		{"touched", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Chtimes(d.Path()+"/"+tcp, time.Time{}, time.Unix(1, 0)))
		}, Unchanged, "", false},
		{"copied", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp))
			put(t, d, tcp, big)
		}, Unchanged, "", false},
		{"grown", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, big+"z 1\n")
		}, Grown, "log_tcp_complete has grown", false},
		{"grown from a cut line", map[string]string{tcp: rows("a", 3) + "a.3"}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("a", 4))
		}, Grown, "log_tcp_complete has grown", false},
		{"grown from nothing", map[string]string{tcp: ""}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("a", 1))
		}, Grown, "log_tcp_complete has grown", false},
		{"smaller", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, big[:len(big)-1])
		}, Replaced, "log_tcp_complete was replaced", false},
		{"smaller than its fingerprint reaches", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, big[:1000])
		}, Replaced, "log_tcp_complete was replaced", false},
		{"replaced, same size", map[string]string{tcp: rows("a", 9)}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("b", 9))
		}, Replaced, "log_tcp_complete was replaced", false},
		{"replaced, larger", map[string]string{tcp: rows("a", 9)}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("b", 99))
		}, Replaced, "log_tcp_complete was replaced", false},
		{"replaced in the cut line alone, same size", map[string]string{tcp: rows("a", 0) + "10.0.0.1 1"}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("a", 0)+"10.0.0.2 1")
		}, Replaced, "log_tcp_complete was replaced", false},
		{"zero bytes filled, same size", map[string]string{tcp: rows("a", 3) + strings.Repeat("\x00", 12)}, func(t *testing.T, d *Dir) {
			put(t, d, tcp, rows("a", 5))
		}, Grown, "log_tcp_complete has grown", false},
		{"touched, with a cut line", map[string]string{tcp: rows("a", 3) + "a.3"}, func(t *testing.T, d *Dir) {
			must(t, os.Chtimes(d.Path()+"/"+tcp, time.Time{}, time.Unix(1, 0)))
		}, Grown, "log_tcp_complete has grown", false},
		{"a second log", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, udp, "")
		}, Unchanged, "log_udp_complete is new", false},
		{"compressed later", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp))
			put(t, d, tcp+".gz", packed(big))
		}, Grown, "", false},
		{"uncompressed later", map[string]string{tcp + ".gz": packed(big)}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp+".gz"))
			put(t, d, tcp, big)
		}, Unchanged, "", false},
		{"compressed with more in it", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp))
			put(t, d, tcp+".gz", packed(big+"z 1\n"))
		}, Grown, "log_tcp_complete.gz has grown", false},
		{"compressed with less in it", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp))
			put(t, d, tcp+".gz", packed(big[:len(big)-1]))
		}, Grown, "log_tcp_complete.gz was replaced", false},
		{"another one compressed", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, os.Remove(d.Path()+"/"+tcp))
			put(t, d, tcp+".gz", packed(rows("b", 20000)))
		}, Replaced, "log_tcp_complete.gz was replaced", false},
		{"second member", map[string]string{tcp + ".gz": packed(big)}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(big)+packed("z 1\n"))
		}, Grown, "log_tcp_complete.gz has grown", false},
		{"cut stream goes on", map[string]string{tcp + ".gz": packed(big)[:40000]}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(big))
		}, Grown, "log_tcp_complete.gz has grown", false},
		{"both, while it is compressed", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(big)[:100])
		}, Unchanged, "", false},
		{"both, the same", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(big))
		}, Unchanged, "", false},
		{"both, more in the compressed one", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(big+"z 1\n"))
		}, Grown, "log_tcp_complete.gz has grown", false},
		{"both, another", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			put(t, d, tcp+".gz", packed(rows("b", 9)))
		}, Unchanged, "log_tcp_complete.gz is new", false},
		{"unfinished beside the mark", map[string]string{tcp: big}, func(t *testing.T, d *Dir) {
			must(t, d.WriteProcessing(State{}))
		}, Unchanged, "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, s := markedDir(t, c.before)
			if !UpToDate(d.Entry) {
				t.Fatal("not done when it has just been marked")
			}
			c.modify(t, d)
			if got := UpToDate(d.Entry); got != c.upToDate {
				t.Errorf("UpToDate: %v", got)
			}
			unsent, err := d.Unsent(t.Context(), s)
			if err != nil || unsent != c.unsent {
				t.Errorf("unsent: %q, %v; want %q", unsent, err, c.unsent)
			}
			position, change := resume(t, d, s, State{})
			if change != c.change {
				t.Errorf("Resume: %v, want %v", change, c.change)
			}
			want := s.Logs[tcp].Position
			if change == New || change == Replaced {
				want = 0
			}
			if position != want {
				t.Errorf("Resume at %d, want %d", position, want)
			}
		})
	}
}

// resume returns the position from which Resume reads the first log, and the log's Change.
func resume(t *testing.T, d *Dir, done, unfinished State) (position int64, c Change) {
	t.Helper()
	logs, err := d.Logs(context.Background())
	must(t, err)
	f, st, err := d.OpenLog(logs[0])
	must(t, err)
	defer f.Close()
	from, c, err := d.Resume(t.Context(), logs[0], f, st, Mark{State: done}, unfinished)
	must(t, err)
	return from.Position, c
}

func TestResumeFromTheFurtherState(t *testing.T) {
	text := rows("a", 9)
	at := func(text string, position int) State {
		var p Fingerprinter
		_, _ = p.Write([]byte(text))
		n := int64(position)
		return State{Logs: map[string]LogState{tcp: {Position: n, End: n, Size: 7, Fingerprint: p.At(n)}}}
	}
	other := at(rows("b", 9), 60)
	f := func(name string, done, unfinished State, want Change, position int64) {
		t.Helper()
		d := open(t, entry(tree(t, map[string]string{"x.out/" + tcp: text}), "x.out"))
		if at, change := resume(t, d, done, unfinished); change != want || at != position {
			t.Errorf("%s: %v at %d, want %v at %d", name, change, at, want, position)
		}
	}
	f("none", State{}, State{}, New, 0)
	f("mark", at(text, 40), State{}, Grown, 40)
	f("unfinished", State{}, at(text, 50), Grown, 50)
	f("unfinished to the end", State{}, at(text, len(text)), Grown, int64(len(text)))
	f("unfinished further", at(text, 40), at(text, 50), Grown, 50)
	f("mark further", at(text, 50), at(text, 40), Grown, 50)
	f("mark of the log before", other, at(text, 40), Grown, 40)
	f("unfinished of the log before", at(text, 40), other, Grown, 40)
	f("both of the log before", other, other, Replaced, 0)
	f("unfinished alone, of the log before", State{}, other, Replaced, 0)
	f("mark to the end", at(text, len(text)), at(text, 40), Unchanged, int64(len(text)))
	f("at the start", State{}, at(text, 0), Grown, 0)
}

// If .processing records the file as it is now, but the mark does not, .processing counts,
// although the mark is further: the .gz became shorter after the mark.
func TestResumeFromTheStateOfThisFile(t *testing.T) {
	text := rows("a", 9)
	d := open(t, entry(tree(t, map[string]string{"x.out/" + tcp + ".gz": packed(text[:50])}), "x.out"))
	logs, err := d.Logs(t.Context())
	must(t, err)
	f, st, err := d.OpenLog(logs[0])
	must(t, err)
	must(t, f.Close())
	at := func(n int64) LogState {
		return LogState{Position: n, End: n, Fingerprint: fingerprint([]byte(text[:40]))}
	}
	done, unfinished := at(60), at(50)
	unfinished.SetFile(logs[0], st)
	if at, change := resume(t, d, State{Logs: map[string]LogState{tcp: done}}, State{Logs: map[string]LogState{tcp: unfinished}}); change != Grown || at != 50 {
		t.Errorf("%v at %d, want the position in .processing", change, at)
	}
}

func TestUnreadableLogIsNotSent(t *testing.T) {
	d, s := markedDir(t, map[string]string{tcp: rows("a", 9)})
	must(t, os.Remove(d.Path()+"/"+tcp))
	fifo(t, d.Path()+"/"+tcp)
	if reason, err := d.Unsent(t.Context(), s); !errors.Is(err, ErrNotRegular) {
		t.Error(reason, err)
	}
	if UpToDate(d.Entry) {
		t.Error("UpToDate takes a FIFO for a log")
	}
	must(t, os.Remove(d.Path()+"/"+tcp))
	put(t, d, tcp+".gz", "no gzip at all")
	if reason, err := d.Unsent(t.Context(), s); !errors.Is(err, gzip.ErrHeader) || !strings.Contains(err.Error(), "x.out/log_tcp_complete.gz") {
		t.Error(reason, err)
	}
	good := packed(rows("a", 9))
	put(t, d, tcp+".gz", good+"trailing what no gzip reader knows")
	if reason, err := d.Unsent(t.Context(), s); err == nil {
		t.Errorf("%q where the end cannot be read", reason)
	}
}

func TestUnsentEndsWithItsContext(t *testing.T) {
	d, s := markedDir(t, map[string]string{tcp: rows("a", 9)})
	must(t, os.Remove(d.Path()+"/"+tcp))
	put(t, d, tcp+".gz", packed(rows("a", 9)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Unsent(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestZeroBytesAndFingerprint: a fingerprint that ends in front of zero bytes still matches
// when data has arrived in their place.
func TestZeroBytesAndFingerprint(t *testing.T) {
	full := rows("a", 500)
	hole := full[:1000] + strings.Repeat("\x00", 1000) + full[2000:]
	made := fingerprint([]byte(hole))
	if reach, same, err := matches(strings.NewReader(full), made); reach != 1000 || !same || err != nil {
		t.Errorf("%d, %v, %v", reach, same, err)
	}
	if _, same, err := matches(strings.NewReader(rows("b", 500)), made); same || err != nil {
		t.Errorf("another log: %v, %v", same, err)
	}
}

func TestFingerprint(t *testing.T) {
	text := []byte(rows("a", 20000))
	for _, end := range []int64{0, 1, 4096, fingerprintLen - 1, fingerprintLen, fingerprintLen + 1, int64(len(text))} {
		want := fingerprint(text[:min(end, fingerprintLen)])
		for _, step := range []int{1 << 10, 4096, 1 << 20} {
			var p Fingerprinter
			for rest := text; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				n, err := p.Write(rest[:min(step, len(rest))])
				if n != min(step, len(rest)) || err != nil {
					t.Fatal(n, err)
				}
			}
			if got := p.At(end); got != want {
				t.Errorf("up to %d in steps of %d: %s, want %s", end, step, got, want)
			}
		}
		if reach, same, err := matches(bytes.NewReader(text), want); !same || err != nil || reach != min(end, fingerprintLen) {
			t.Errorf("up to %d: %d, %v, %v", end, reach, same, err)
		}
	}
	if _, same, err := matches(bytes.NewReader(text[:100]), fingerprint(text[:101])); same || err != nil {
		t.Errorf("a log shorter than its fingerprint: %v, %v", same, err)
	}
	for _, bad := range []string{"", ":", "x:y", "-1:", "99999999999999999999:", "65537:00", "3", "0:"} {
		if _, same, err := matches(bytes.NewReader(text), bad); same || err != nil {
			t.Errorf("%q: %v, %v", bad, same, err)
		}
	}
}
