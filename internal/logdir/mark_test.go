package logdir

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func uncompressed(t *testing.T, f *os.File, packed bool) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	must(t, err)
	if !packed {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if cut(err) {
		return nil
	}
	must(t, err)
	b, err = io.ReadAll(z)
	if err != nil && !cut(err) {
		t.Fatal(err)
	}
	return b
}

func TestStateComesBack(t *testing.T) {
	r := tree(t, map[string]string{"2016_02_17_12_53.out/log_tcp_complete": "#15#c_ip:1\n10.0.0.1\n", "2016_02_17_12_53.out/.processed.tmp": "torn"})
	e := entry(r, "2016_02_17_12_53.out")
	d := open(t, e)
	want := confirmed(t, d)
	ls := want.Logs["log_tcp_complete"]
	ls.Line, ls.Rows, ls.Below, ls.Malformed, ls.Flows, ls.Incomplete, ls.Tail = 3, 4, 5, 6, 7, 8, &Tail{Bytes: 0, Flows: 2}
	want.Logs["log_tcp_complete"] = ls

	must(t, d.WriteProcessing(want))
	want.Tool = tool
	got, err := d.ReadProcessing()
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if Quick(e) {
		t.Error("a directory without a mark is done")
	}

	must(t, d.WriteProcessed(want))
	m, err := d.ReadProcessed()
	must(t, err)
	if diff := cmp.Diff(want, m.State); diff != "" || m.Kind != Ours || m.Damaged != nil {
		t.Error(m.Kind, m.Damaged, diff)
	}
	if !Quick(e) {
		t.Error("a marked directory is not done")
	}
	names, err := os.ReadDir(e.Path())
	must(t, err)
	for _, n := range names {
		if n.Name() != processed && n.Name() != "log_tcp_complete" {
			t.Errorf("%s was left behind", n.Name())
		}
	}
}
