package workers_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// The confirmed position of a log is kept through a run that cannot read the log but sends
// the other log of the directory.
func TestUnreadableLog(t *testing.T) {
	root := t.TempDir()
	tcp := longLog(t, 11)
	writeLog(t, root, dirName, "log_tcp_complete", tcp)
	to := newArchive()
	to.refuse = func(string) error {
		if len(to.times) == 5 {
			return errors.New("away")
		}
		return nil
	}
	inTurn := func(o *workers.Options) { o.Publishers = 1 }
	run(t.Context(), t, root, to, inTurn)
	if len(to.times) != 5 {
		t.Fatalf("%d messages confirmed by the first run, want 5", len(to.times))
	}

	path := filepath.Join(root, dirName, "log_tcp_complete")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", path); err != nil {
		t.Fatal(err)
	}
	udp, err := os.ReadFile("../../testdata/corpus/rotation/2026_11_22_22_30.out/log_udp_complete")
	if err != nil {
		t.Fatal(err)
	}
	writeLog(t, root, dirName, "log_udp_complete", udp)
	to.refuse = nil
	if outcome, n := run(t.Context(), t, root, to, inTurn); outcome.IOErrors != 1 || n.Confirmed.Load() == 0 || n.Marked.Load() != 0 {
		t.Fatalf("the second run: %+v, %d confirmed, %d marked", outcome, n.Confirmed.Load(), n.Marked.Load())
	}

	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	run(t.Context(), t, root, to, inTurn)
	want := wantFlows(t, readReference(t, tcp, reference.TCP, 0))
	for f, n := range wantFlows(t, readReference(t, udp, reference.UDP, 0)) {
		want[f] += n
	}
	diff(t, to.flows(t), want)
	if len(mark(t, root, dirName).Logs) != 2 {
		t.Error("not marked")
	}
}

// The confirmed positions of a plain log and of a .gz that differs from it are kept through a
// run that cannot open one of them to compare both.
func TestUnreadableBesidePlain(t *testing.T) {
	plain, other := longLog(t, 300), longLog(t, 301)
	want := wantFlows(t, readReference(t, plain, reference.TCP, 0))
	for f, n := range wantFlows(t, readReference(t, other, reference.TCP, 0)) {
		want[f] += n
	}
	const name, gz = "log_tcp_complete", "log_tcp_complete.gz"
	for _, unreadable := range []string{name, gz} {
		t.Run(unreadable, func(t *testing.T) {
			root, to := t.TempDir(), newArchive()
			writeLog(t, root, dirName, name, plain)
			writeLog(t, root, dirName, gz, gzipped(t, other))
			to.refuse = func(string) error {
				if len(to.times) == 25 {
					return errors.New("away")
				}
				return nil
			}
			inTurn := func(o *workers.Options) { o.Publishers, o.Workers = 1, 1 }
			run(t.Context(), t, root, to, inTurn)
			if s := processing(t, root); s.Logs[name].Position == 0 || s.Logs[gz].Position == 0 {
				t.Fatalf("nothing of one log is confirmed: %+v", s.Logs)
			}

			to.refuse = nil
			path := filepath.Join(root, dirName, unreadable)
			if err := errors.Join(os.Rename(path, path+".away"), os.Symlink("nowhere", path)); err != nil {
				t.Fatal(err)
			}
			if outcome, n := run(t.Context(), t, root, to, inTurn); outcome.IOErrors != 1 || n.Marked.Load() != 0 {
				t.Fatalf("the second run: %+v, %d marked", outcome, n.Marked.Load())
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			run(t.Context(), t, root, to, inTurn)
			diff(t, to.flows(t), want)
		})
	}
}
