package workers

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tstat-transport/internal/logdir"
)

// Progress that could not be written when its time came is written when the
// run stops.
func TestProgressIsWrittenAfterAFailure(t *testing.T) {
	p, d := inWork(t)
	obstacle := filepath.Join(d.dir.Path(), ".processing.tmp")
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := d.write(p); err == nil {
		t.Fatal("the obstacle did not keep .processing from being written")
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if err := d.write(p); err != nil {
		t.Fatal(err)
	}
	if s, err := d.dir.ReadProcessing(); err != nil || s.Logs["log_tcp_complete"].Position != 7 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(d.dir.Path(), ".processed")); !os.IsNotExist(err) {
		t.Errorf(".processed: %v, want %v", err, fs.ErrNotExist)
	}
}

// Progress is written while a directory is in work; that everything is
// confirmed by then does not mark it before the transport has finished it.
func TestProgressDoesNotMark(t *testing.T) {
	p, d := inWork(t)
	d.holds = 0
	if err := d.writeProgress(p); err != nil {
		t.Fatal(err)
	}
	if m, err := d.dir.ReadProcessed(); err != nil || m.Kind != logdir.None {
		t.Errorf("it is marked: %+v, %v", m, err)
	}
	if s, err := d.dir.ReadProcessing(); err != nil || len(s.Logs) != 1 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if err := d.write(p); err != nil {
		t.Fatal(err)
	}
	if m, err := d.dir.ReadProcessed(); err != nil || m.Kind != logdir.Ours {
		t.Errorf("it is not marked: %+v, %v", m, err)
	}
}

// inWork is a directory with a log of which 7 bytes are confirmed.
func inWork(t *testing.T) (*pipeline, *dirWork) {
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
	d := &dirWork{dir: dir, holds: 1, dirty: true}
	t.Cleanup(d.close)
	d.logs = []*logWork{{
		dir: d, log: logdir.Log{Name: "log_tcp_complete"}, fingerprint: "0:0", confirmed: progress{place: place{position: 7}},
	}}
	return &pipeline{Options: Options{Mark: true}}, d
}
