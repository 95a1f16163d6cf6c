package workers

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tstat-transport/internal/logdir"
)

// Progress that could not be written when its time came is written when the
// run stops.
func TestProgressIsWrittenAfterAFailure(t *testing.T) {
	d := inWork(t)
	obstacle := filepath.Join(d.dir.Path(), ".processing.tmp")
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
	d := inWork(t)
	d.ledger.holds = 0
	if err := d.saveProgress(); err != nil {
		t.Fatal(err)
	}
	if m, err := d.dir.ReadProcessed(); err != nil || m.Kind != logdir.None {
		t.Errorf("it is marked: %+v, %v", m, err)
	}
	if s, err := d.dir.ReadProcessing(); err != nil || len(s.Logs) != 1 {
		t.Errorf(".processing holds %+v, %v", s, err)
	}
	if err := d.saveEnd(); err != nil {
		t.Fatal(err)
	}
	if m, err := d.dir.ReadProcessed(); err != nil || m.Kind != logdir.Ours {
		t.Errorf("it is not marked: %+v, %v", m, err)
	}
}

// inWork returns a directory with a log of which 7 bytes are confirmed.
func inWork(t *testing.T) *dirWork {
	t.Helper()
	d := newDirWork(newPipeline(Options{Mark: true}), openDirectory(t), 0)
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

// TestLastHoldDoesNotBlock: the last hold of each directory in work is released
// with a ledger locked, so it must find a place in finished even while no marker
// takes a directory.
func TestLastHoldDoesNotBlock(t *testing.T) {
	p := newPipeline(Options{})
	p.openChannels()
	for inWork := true; inWork; {
		select {
		case p.slots <- struct{}{}:
			d := newDirWork(p, nil, 0)
			released := make(chan struct{})
			go func() {
				d.releaseHold()
				close(released)
			}()
			select {
			case <-released:
			case <-time.After(10 * time.Second):
				t.Fatalf("the last hold of directory %d blocks", len(p.slots))
			}
		default:
			inWork = false
		}
	}
}
