package workers

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"tstat-transport/internal/logdir"
)

// The journal keeps a bounded number of bytes of large state files, and an entry for every
// directory.
func TestJournalIsBounded(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "2026_11_23_10_00.out")
	const size = 60 << 10
	for _, err := range []error{os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "log_tcp_complete"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, ".processed"), bytes.Repeat([]byte(" "), size), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := logdir.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	entries, err := r.Find(t.Context(), func(string, error) {})
	if err != nil || len(entries) != 1 {
		t.Fatalf("found %v, %v", entries, err)
	}
	d, err := logdir.Open(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.ReadProcessed(); err != nil {
		t.Fatal(err)
	}
	backup, err := d.Backup()
	if err != nil || backup.Size() != size {
		t.Fatalf("%d bytes stood before, %v", backup.Size(), err)
	}
	var j journal
	kept := 0
	for range 1000 {
		if e := j.add(&entries[0], backup); e.backup != nil {
			kept++
		}
	}
	if want := maxBackups / size; kept != want || len(j.entries) != 1000 {
		t.Errorf("state files of %d of %d directories are kept, want %d", kept, len(j.entries), want)
	}
}
