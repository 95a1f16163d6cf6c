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
	root := t.TempDir()
	const name = "2016_02_17_12_53.out"
	if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := logdir.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir, err := logdir.Open(logdir.Entry{Root: r, Rel: name, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	d := &dirWork{dir: dir, holds: 1, dirty: true}
	defer d.close()
	d.logs = []*logWork{{
		dir: d, log: logdir.Log{Name: "log_tcp_complete"}, fingerprint: "0:0", confirmed: progress{position: 7},
	}}
	p := &pipeline{Options: Options{Mark: true}}

	obstacle := filepath.Join(root, name, ".processing.tmp")
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
	if s, err := dir.ReadProcessing(); err != nil || s.Logs["log_tcp_complete"].Position != 7 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(root, name, ".processed")); !os.IsNotExist(err) {
		t.Errorf(".processed: %v, want %v", err, fs.ErrNotExist)
	}
}
