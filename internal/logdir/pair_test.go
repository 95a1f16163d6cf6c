package logdir

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	plainIsLog  = Log{Name: tcp}
	packedIsLog = Log{Name: tcp, Gzip: true}
	plainApart  = Log{Name: tcp, Apart: true}
	gzipApart   = Log{Name: tcp + ".gz", Gzip: true, Apart: true}
)

func sameLogs(t *testing.T, what string, d *Dir, s State, want ...Log) {
	t.Helper()
	got, err := d.Logs(t.Context(), s)
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Log{}, "Beside")); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// TestPair: which of log_x and log_x.gz are logs. Once the logs are confirmed, UpToDate
// recognizes both files without reading them.
func TestPair(t *testing.T) {
	log, other := rows("a", 20000), rows("b", 20000)
	damaged := packed(log)
	damaged = damaged[:len(damaged)-8] + "checksum"
	cases := []struct {
		name, plain, packed string
		want                []Log
	}{
		{"the same", log, packed(log), []Log{plainIsLog}},
		{"both empty", "", packed(""), []Log{plainIsLog}},
		{"gzip is at work", log, packed(log)[:40000], []Log{plainIsLog}},
		{"gzip has just begun", log, "", []Log{plainIsLog}},
		{"the plain file is longer", log, packed(log[:len(log)-1]), []Log{plainIsLog}},
		{"the .gz is longer", log[:len(log)-1], packed(log), []Log{packedIsLog}},
		{"the .gz is much longer", log[:100], packed(log), []Log{packedIsLog}},
		{"the plain file is empty", "", packed(log), []Log{packedIsLog}},
		{"different contents", other, packed(log), []Log{plainApart, gzipApart}},
		{"different in the last byte", log[:len(log)-1] + "x", packed(log), []Log{plainApart, gzipApart}},
		{"different, and the plain file is shorter", log[:len(log)-9] + "x", packed(log), []Log{plainApart, gzipApart}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := withBoth(t, c.plain, c.packed)
			sameLogs(t, "at first", d, State{}, c.want...)
			s := markConfirmed(t, d)
			if !UpToDate(d.Entry) {
				t.Error("not done when it has just been marked")
			}
			sameLogs(t, "marked", d, s, c.want...)
			if unsent, err := d.Unsent(t.Context(), s); unsent != "" || err != nil {
				t.Error(unsent, err)
			}
			put(t, d, tcp+".gz", packed(rows("c", 9)))
			if UpToDate(d.Entry) {
				t.Error("a .gz beside the log was replaced, and the directory counts as done")
			}
		})
	}
	d := withBoth(t, log, damaged)
	logs, err := d.Logs(t.Context())
	if diff := cmp.Diff([]Log{plainIsLog}, logs); diff != "" || err == nil {
		t.Errorf("damaged: %s, %v", diff, err)
	}
	must(t, os.Remove(d.Path()+"/"+tcp+".gz"))
	must(t, os.Symlink("log_udp_complete", d.Path()+"/"+tcp+".gz"))
	if _, err := d.Logs(t.Context()); !errors.Is(err, ErrNotRegular) {
		t.Error("a symbolic link:", err)
	}
}

// TestPairHistory: the logs of a marked pair, and their changes, after one of the files was
// removed or written to.
func TestPairHistory(t *testing.T) {
	a, b := rows("a", 20000), rows("b", 20000)
	f := func(name, plain, compressed string, modify func(d *Dir), want []Log, changes ...Change) {
		t.Helper()
		d := withBoth(t, plain, compressed)
		s := markConfirmed(t, d)
		modify(d)
		sameLogs(t, name, d, s, want...)
		logs, err := d.Logs(t.Context(), s)
		must(t, err)
		for i, log := range logs {
			file, st, err := d.OpenLog(log)
			must(t, err)
			defer file.Close()
			if _, c, err := d.Resume(t.Context(), log, file, st, Mark{State: s}, State{}); c != changes[i] || err != nil {
				t.Errorf("%s: %s %v, want %v; %v", name, log.Name, c, changes[i], err)
			}
		}
	}
	remove := func(name string) func(d *Dir) {
		return func(d *Dir) { must(t, os.Remove(d.Path()+"/"+name)) }
	}
	write := func(name, content string) func(d *Dir) { return func(d *Dir) { put(t, d, name, content) } }

	f("different, the plain file has gone", a, packed(b), remove(tcp), []Log{gzipApart}, Unchanged)
	f("different, the .gz has gone", a, packed(b), remove(tcp+".gz"), []Log{plainIsLog}, Unchanged)
	f("different, the plain file was compressed over the other", a, packed(b), func(d *Dir) {
		remove(tcp)(d)
		write(tcp+".gz", packed(a))(d)
	}, []Log{packedIsLog}, Grown)
	f("different, the .gz grows when the plain file has gone", a, packed(b), func(d *Dir) {
		remove(tcp)(d)
		write(tcp+".gz", packed(b+"z 1\n"))(d)
	}, []Log{gzipApart}, Grown)
	f("different, the plain file grows", a, packed(b), write(tcp, a+"z 1\n"), []Log{plainApart, gzipApart}, Grown, Unchanged)
	f("the same, the plain file has gone", a, packed(a), remove(tcp), []Log{packedIsLog}, Grown)
	f("the same, the plain file grows", a, packed(a), write(tcp, a+"z 1\n"), []Log{plainIsLog}, Grown)
	f("the same, the .gz is another now", a, packed(a), write(tcp+".gz", packed(b)), []Log{plainApart, gzipApart}, Unchanged, New)
	f("the .gz is longer, the plain file is another now", a[:99], packed(a), write(tcp, b), []Log{plainApart, gzipApart}, New, Unchanged)
}

// TestLoneGzipThatCannotBeRead: a .gz that was a log of its own, and cannot be read now, is
// not taken for a new log: it would be sent again.
func TestLoneGzipThatCannotBeRead(t *testing.T) {
	whole := packed(rows("b", 20000))
	d := withBoth(t, rows("a", 20000), whole)
	s := markConfirmed(t, d)
	must(t, os.Remove(d.Path()+"/"+tcp))
	put(t, d, tcp+".gz", whole[:1000]+string(zeroBytes[:])+whole[1000+zeroRunGzip:])
	if logs, err := d.Logs(t.Context(), s); len(logs) > 0 || !errors.Is(err, errZeros) {
		t.Errorf("logs %+v, error %v, want none and %v", logs, err, errZeros)
	}
	must(t, os.Symlink("nowhere", d.Path()+"/"+tcp))
	if logs, err := d.Logs(t.Context(), s); len(logs) > 0 || !errors.Is(err, errZeros) || !errors.Is(err, ErrNotRegular) {
		t.Errorf("beside an unreadable plain file: logs %+v, error %v, want none and both errors", logs, err)
	}
	must(t, os.Remove(d.Path()+"/"+tcp))
	must(t, os.Remove(d.Path()+"/"+tcp+".gz"))
	must(t, os.Symlink("nowhere", d.Path()+"/"+tcp+".gz"))
	if logs, err := d.Logs(t.Context(), s); len(logs) > 0 || !errors.Is(err, ErrNotRegular) {
		t.Errorf("cannot be opened: logs %+v, error %v, want none and %v", logs, err, ErrNotRegular)
	}
	must(t, os.Remove(d.Path()+"/"+tcp+".gz"))
	put(t, d, tcp+".gz", whole)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if logs, err := d.Logs(ctx, s); len(logs) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("logs %+v, error %v, want none and %v", logs, err, context.Canceled)
	}
	sameLogs(t, "readable again", d, s, gzipApart)
}
