package workers

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/testkit"
)

// compressed returns texts as a gzip file, one member for each text.
func compressed(t testing.TB, texts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, text := range texts {
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// readGzip reads a gzip log. lines is nil if the log cannot be opened.
func readGzip(t *testing.T, content []byte) (lines []line, err error) {
	t.Helper()
	path := t.TempDir() + "/log_tcp_complete.gz"
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := tryReader(t, path, true, logdir.LogState{})
	if err != nil {
		return nil, err
	}
	return drain(t, r)
}

// variedLog returns a log whose rows differ, so that it does not compress to almost nothing.
func variedLog(rows int) string {
	var b strings.Builder
	b.WriteString(headerA + "\n")
	for i := range rows {
		fmt.Fprintf(&b, "10.0.%d.%d %d 10.0.0.2 443 %d %d 1.5 17953792%05d.312012 1795379200708.312012\n",
			i>>8&255, i&255, 1024+i*7919%60000, i*i*i, i*7, i)
	}
	return b.String()
}

// A gzip stream that ends anywhere is a log that Tstat is still writing. It has the lines
// that the standard library decompresses.
func TestGzipCut(t *testing.T) {
	log := variedLog(60)
	whole := compressed(t, log[:len(log)/2], log[len(log)/2:])
	for n := range len(whole) + 1 {
		var there []byte
		if z, err := stdgzip.NewReader(bytes.NewReader(whole[:n])); err == nil {
			there, _ = io.ReadAll(z) // the error reports the truncation
		}
		got, err := readGzip(t, whole[:n])
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
		sameLines(t, fmt.Sprintf("cut at %d of %d", n, len(whole)), got, linesOf(string(there), 0, headerA))
		if n == len(whole) && string(there) != log {
			t.Error("two members are not the whole log")
		}
	}
}

// The whole lines before the damage in a gzip stream are read, and the error names the
// file.
func TestGzipDamaged(t *testing.T) {
	log := variedLog(9000) // more than two blocks
	good := compressed(t, log)
	damaged := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x55
		return b
	}
	want := linesOf(log, 0, headerA)
	for what, c := range map[string]struct {
		content []byte
		least   int // number of lines that must be read
	}{
		"in the middle":           {damaged(len(good) / 2), len(want) / 4},
		"near the end":            {damaged(len(good) - 100), len(want) * 9 / 10},
		"checksum":                {damaged(len(good) - 8), len(want)},
		"length":                  {damaged(len(good) - 1), len(want)},
		"garbage behind":          {append(bytes.Clone(good), "this is not gzip at all"...), len(want)},
		"zeros and more behind":   {append(append(bytes.Clone(good), make([]byte, 512)...), 1), len(want)},
		"garbage between members": {append(append(bytes.Clone(good), "0123456789"...), good...), len(want)},
		"no gzip":                 {[]byte(log), 0},
		"its first byte":          {damaged(0), 0},
		"its method":              {damaged(2), 0},
	} {
		got, err := readGzip(t, c.content)
		if err == nil || !strings.Contains(err.Error(), "log_tcp_complete.gz") {
			t.Errorf("%s: %v", what, err)
		}
		// The decompressor may return wrong text before it detects the damage.
		same := 0
		for same < min(len(got), len(want)) && got[same] == want[same] {
			same++
		}
		if same < c.least || c.least == 0 && len(got) > 0 {
			t.Errorf("%s: %d lines, %d of them right, want %d at least of %d", what, len(got), same, c.least, len(want))
		}
	}
}

// A run that is stopped while it decompresses a log up to the position of an earlier run
// keeps that position, and does not take the log for a replaced one.
func TestGzipResumeStopped(t *testing.T) {
	path, log := t.TempDir(), variedLog(9000)
	if err := os.Mkdir(path+"/x.out", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"/x.out/log_tcp_complete.gz", compressed(t, log), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := logdir.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	entry := logdir.Entry{Root: root, Rel: "x.out", Name: "x.out"}
	dir, err := logdir.Open(entry)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(strings.LastIndex(log[:len(log)-1], "\n") + 1)
	state := logdir.LogState{Position: at, End: at, Fingerprint: fingerprintOf(log[:at])}
	err = dir.WriteProcessing(logdir.State{Version: "test", Logs: map[string]logdir.LogState{"log_tcp_complete": state}})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	stops := 0
	for ; ; stops++ {
		var told bytes.Buffer
		p := newPipeline(Options{Log: slog.New(slog.NewTextHandler(&told, nil))})
		d, err := p.openDirectory(testkit.Countdown(t.Context(), stops), 0, &entry)
		if err != nil {
			t.Fatal(err)
		}
		d.close()
		if told.Len() > 0 || p.outcome.IOErrors > 0 {
			t.Fatalf("stopped after %d reads: %s", stops, &told)
		}
		if d.ledger.err == nil {
			if d.logs[0].batch.from != at {
				t.Errorf("goes on at %d, want %d", d.logs[0].batch.from, at)
			}
			_ = d.logs[0].reader.close()
			break
		}
		if got := d.unchanged["log_tcp_complete"]; !errors.Is(d.ledger.err, errStopped) || len(d.logs) > 0 || got.Position != at {
			t.Fatalf("stopped after %d reads: %v, state %+v", stops, d.ledger.err, got)
		}
	}
	if stops < 10 {
		t.Errorf("asked %d times whether it is to stop", stops)
	}
}

// Files that are too short for a gzip header are logs that Tstat has just opened.
func TestGzipShort(t *testing.T) {
	for _, content := range []string{"", "\x1f", "\x1f\x8b", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00"} {
		if got, err := readGzip(t, []byte(content)); err != nil || len(got) > 0 {
			t.Errorf("%q: %d lines, %v", content, len(got), err)
		}
	}
	for name, content := range map[string][]byte{
		"an empty member": compressed(t, ""), "empty members": compressed(t, "", "", ""),
		"members": compressed(t, "", headerA+"\n", "", rowA, "\n"),
	} {
		got, err := readGzip(t, content)
		want := 0
		if name == "members" {
			want = 2
		}
		if err != nil || len(got) != want {
			t.Errorf("%s: %d lines, %v", name, len(got), err)
		}
	}
}
