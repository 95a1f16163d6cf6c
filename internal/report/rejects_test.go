package report

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRejectsSync: after Sync each row is a line of the file, whatever bytes it holds.
func TestRejectsSync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects")
	r, err := OpenRejects(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Reject("new\nline.out/log_tcp_complete", 7, "too few fields", []byte("1 2\n\xff\x00\" é")); err != nil {
		t.Fatal(err)
	}
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `new\nline.out/log_tcp_complete:7: too few fields: 1 2\n\xff\x00\" é` + "\n"
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRejectsSyncOnAFullDisk: Sync returns the error once.
func TestRejectsSyncOnAFullDisk(t *testing.T) {
	r, err := OpenRejects("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Reject("log", 1, "reason", []byte("row")); err != nil {
		t.Fatal(err)
	}
	if r.Sync() == nil {
		t.Error("the first Sync reports nothing")
	}
	if err := r.Sync(); err != nil {
		t.Error("the second Sync reports it again:", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
