package workers

import (
	"os"
	"strings"
	"testing"

	"tstat-transport/internal/logdir"
)

// The holes of a gzip log, and the rows after them, are read under the right headers, and
// the log is decompressed once for all of them.
func TestGzipHolesReadOnce(t *testing.T) {
	text, want := headerA+"\n", []string{}
	header, from := int64(0), logdir.LogState{}
	add := func(row string, hole bool) {
		at := int64(len(text))
		text += row + "\n"
		if hole {
			from.Holes = append(from.Holes, logdir.Hole{From: at, To: int64(len(text)), Header: header})
			want = append(want, row)
		}
	}
	for i := range 5000 {
		if i == 2500 {
			header = int64(len(text))
			text += headerB + "\n"
		}
		row := rowA
		if header > 0 {
			row = rowB
		}
		add(row, i%20 < 2 && i > 0) // the second of two holes begins where the first ends
	}
	from.Position, from.Header = int64(len(text)), header
	for range 3 {
		add(rowB, false)
		want = append(want, rowB)
	}
	path := t.TempDir() + "/log_tcp_complete.gz"
	if err := os.WriteFile(path, compressed(t, text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := openLogReader(t.Context(), openLogFile(t, path, true), from)
	if err != nil {
		t.Fatal(err)
	}
	decompressed := r.stretch.text
	var got []string
	for b := newBlock(); !b.last; {
		r.next(b)
		if b.err != nil {
			t.Fatal(b.err)
		}
		for line := range strings.Lines(string(b.buf)) {
			got = append(got, strings.TrimSuffix(line, "\n"))
			if b.layout.Same([]byte(headerA)) != (line == rowA+"\n") {
				t.Fatalf("%q is read under the wrong header", line)
			}
		}
	}
	if len(from.Holes) < 400 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d holes: %d rows, want %d", len(from.Holes), len(got), len(want))
	}
	if r.stretch.text != decompressed {
		t.Error("the log was decompressed again")
	}
	if want := fingerprintOf(text); r.fingerprint() != want {
		t.Errorf("fingerprint %s, want %s", r.fingerprint(), want)
	}
}

// A header line that appears in a hole does not apply to the rows after the hole.
func TestHeaderInHole(t *testing.T) {
	first := headerA + "\n"
	hole := headerB + "\n" + rowB + "\n"
	from := logdir.LogState{
		Position: int64(len(first) + len(hole)),
		Holes:    []logdir.Hole{{From: int64(len(first)), To: int64(len(first) + len(hole))}},
	}
	path := t.TempDir() + "/log_tcp_complete"
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, first+hole+rowA+"\n", isGzip)
		r, err := openLogReader(t.Context(), openLogFile(t, path, isGzip), from)
		if err != nil {
			t.Fatal(err)
		}
		b := newBlock()
		if r.next(b); string(b.buf) != hole || len(b.headers) != 1 || b.err != nil {
			t.Errorf("compressed %v: %q, %d header lines, %v in the hole", isGzip, b.buf, len(b.headers), b.err)
		}
		if r.next(b); string(b.buf) != rowA+"\n" || b.err != nil || !b.layout.Same([]byte(headerA)) {
			t.Errorf("compressed %v: %q under %+v, %v after the hole", isGzip, b.buf, b.layout, b.err)
		}
	}
}

// A row in a hole is not sent as long as only its newline is missing: its hole stays.
func TestRowInHoleWithoutItsNewline(t *testing.T) {
	first := headerA + "\n" + rowA + "\n"
	hole := logdir.Hole{From: int64(len(headerA) + 1), To: int64(len(first) + len(rowA) + 1)}
	from := logdir.LogState{Position: hole.To, Holes: []logdir.Hole{hole}}
	path := t.TempDir() + "/log_tcp_complete"
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, first+rowA+"\x00"+rowA+"\n", isGzip)
		r, err := openLogReader(t.Context(), openLogFile(t, path, isGzip), from)
		if err != nil {
			t.Fatal(err)
		}
		b := newBlock()
		r.next(b)
		want := logdir.Hole{From: int64(len(first)), To: hole.To}
		if string(b.buf) != rowA+"\n" || b.unterminated || len(r.openHoles) != 1 || r.openHoles[0] != want {
			t.Errorf("compressed %v: %q, unterminated %v, holes %+v; want one row and %+v", isGzip, b.buf, b.unterminated, r.openHoles, want)
		}
	}
}
