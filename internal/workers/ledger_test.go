package workers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// Progress that saveEnd could not write is written by the next call of saveEnd.
func TestProgressIsWrittenAfterAFailure(t *testing.T) {
	d := inWork(t)
	obstacle := filepath.Join(d.disk.Path(), ".processing.tmp")
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := d.saveEnd(); err == nil {
		t.Fatal("the obstacle did not keep .processing from being written")
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if err := d.saveEnd(); err != nil {
		t.Fatal(err)
	}
	if s, err := d.disk.ReadProcessing(); err != nil || s.Logs["log_tcp_complete"].Position != 7 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(d.disk.Path(), ".processed")); !os.IsNotExist(err) {
		t.Errorf(".processed: %v, want %v", err, fs.ErrNotExist)
	}
}

// A checkpoint of a directory that has been deleted fails with ErrVanished. A closed
// directory has no checkpoints.
func TestProgressOfVanishedDirectory(t *testing.T) {
	d := inWork(t)
	if err := os.Remove(d.disk.Path()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.saveProgress(); !errors.Is(err, logdir.ErrVanished) {
			t.Errorf("saveProgress: %v, want %v", err, logdir.ErrVanished)
		}
	}
	if err := d.saveEnd(); !errors.Is(err, logdir.ErrVanished) {
		t.Errorf("saveEnd: %v, want %v", err, logdir.ErrVanished)
	}
	d.close()
	if err := d.saveProgress(); err != nil {
		t.Errorf("after close: %v", err)
	}
}

// Only an error that a deleted directory gives can mean that the directory has vanished.
func TestOrVanished(t *testing.T) {
	for _, c := range []struct {
		deleted  bool
		err      error
		vanished bool
	}{
		{true, nil, false},
		{true, unix.ENOENT, true},
		{true, unix.ESTALE, true},
		{true, unix.ENOSPC, false},
		{false, unix.ENOENT, false}, // another program has removed a temporary file
		{false, unix.ESTALE, false},
	} {
		d := inWork(t)
		want := c.err
		if c.vanished {
			want = logdir.ErrVanished
		}
		if c.deleted {
			if err := os.Remove(d.disk.Path()); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.orVanished(c.err); !errors.Is(got, want) {
			t.Errorf("deleted: %v, %v: %v, want %v", c.deleted, c.err, got, want)
		}
	}
}

// A checkpoint writes .processing even if everything is confirmed. The mark waits until the
// transport has finished the directory.
func TestProgressDoesNotMark(t *testing.T) {
	d := inWork(t)
	d.ledger.holds = 0
	if err := d.saveProgress(); err != nil {
		t.Fatal(err)
	}
	if m, err := d.disk.ReadProcessed(); err != nil || m.Kind != logdir.None {
		t.Errorf("it is marked: %+v, %v", m, err)
	}
	if s, err := d.disk.ReadProcessing(); err != nil || len(s.Logs) != 1 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if err := d.saveEnd(); err != nil {
		t.Fatal(err)
	}
	if m, err := d.disk.ReadProcessed(); err != nil || m.Kind != logdir.Ours {
		t.Errorf("it is not marked: %+v, %v", m, err)
	}
}

// A run that is stopped saves the end of a log, also if a checkpoint came between the log's last
// confirmation and its end: else the row without newline, which was sent, would be sent again.
func TestEndAfterCheckpoint(t *testing.T) {
	d := inWork(t)
	l := d.logs[0]
	d.ledger.holds = 3 // the message, the log, and a log that the run does not read to its end
	m := &outgoing{log: l, progress: progress{place: place{position: 7}}}
	l.ledger.window = []*outgoing{m}
	d.p.recordOutcome(m, nil)
	if err := d.saveProgress(); err != nil {
		t.Fatal(err)
	}
	tail := logdir.Tail{Bytes: 3, Flows: 1}
	d.endLog(l, 7, &logEnd{progress: m.progress, after: 10, tail: &tail}, nil)
	d.fail(errStopped)
	if err := d.saveEnd(); err != nil {
		t.Fatal(err)
	}
	s, err := d.disk.ReadProcessing()
	if got := s.Logs["log_tcp_complete"].Tail; err != nil || got == nil || *got != tail || s.Error != "" {
		t.Errorf(".processing has the tail %+v and the error %q, %v; want %+v and none", got, s.Error, err, tail)
	}
}

// A failure is not recorded in a .processing that could not be read: that would overwrite the
// progress in it.
func TestProgressThatCannotBeRead(t *testing.T) {
	d := inWork(t)
	if err := d.saveProgress(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, err := d.disk.ReadProcessing()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Fatalf("%v, want %v", err, unix.EMFILE)
	}
	d.logs = nil
	d.fail(errors.New("a log cannot be read"))
	if err := d.saveEnd(); err != nil {
		t.Fatal(err)
	}
	if s, err := d.disk.ReadProcessing(); err != nil || s.Logs["log_tcp_complete"].Position != 7 {
		t.Errorf(".processing has %+v, %v, want what it had", s, err)
	}
}

// inWork returns a directory with a log whose first 7 bytes are confirmed.
func inWork(t *testing.T) *dirWork {
	t.Helper()
	d := newDirWork(newPipeline(Options{Mark: true}), openDirectory(t), 0, nil)
	t.Cleanup(d.close)
	l := &logWork{dir: d, log: logdir.Log{Name: "log_tcp_complete"}}
	l.ledger = logLedger{fingerprint: "0:0", confirmed: progress{place: place{position: 7}}}
	d.logs = []*logWork{l}
	d.ledger.unsaved = true
	return d
}

func openDirectory(t *testing.T) *logdir.Dir {
	t.Helper()
	root := t.TempDir()
	const name = "2016_02_17_12_53.out"
	if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := logdir.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	dir, err := logdir.Open(logdir.Entry{Root: r, Rel: name, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The last hold of a directory is released under the ledger's mutex. So finished must have
// room for every directory in work, even if no marker receives.
func TestLastHoldDoesNotBlock(t *testing.T) {
	p := newPipeline(Options{})
	p.openChannels()
	for n := range cap(p.slots) {
		d := newDirWork(p, nil, 0, nil)
		released := make(chan struct{})
		go func() {
			d.releaseHold()
			close(released)
		}()
		select {
		case <-released:
		case <-time.After(10 * time.Second):
			t.Fatalf("the last hold of directory %d blocks", n+1)
		}
	}
}
