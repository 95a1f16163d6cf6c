package workers

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
)

// A reader that starts at any line returns the rest of the log, under the right headers, and
// has the fingerprint of the whole log.
func TestReaderResume(t *testing.T) {
	row := strings.Repeat(rowA+"\n", 10)
	log := headerA + "\n" + rowA + "\n" + rowA + "\n" + headerB + "\n" + rowB + "\n" + headerA + "\n" +
		strings.Repeat(row, blockSize/len(row)) + headerB + "\n" + rowB + "\n" + rowB
	path := t.TempDir() + "/log_tcp_complete"
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, log, isGzip)
		all := linesOf(log, 0, headerA, headerB)
		var header int64 // offset of the header line in force at the start of l
		for i, l := range all {
			from := logdir.LogState{Position: l.at, End: l.at, Header: header}
			if l.text == headerA || l.text == headerB {
				header = l.at
			}
			if i == 0 || i > 20 && i < len(all)-20 && i%97 > 0 {
				continue
			}
			r := openReader(t, path, isGzip, from)
			got, err := drain(t, r)
			if err != nil {
				t.Fatalf("from %d: %v", l.at, err)
			}
			sameLines(t, fmt.Sprintf("from %d, compressed %v", l.at, isGzip), got, all[i:])
			if want := fingerprintOf(log); r.fingerprint() != want {
				t.Fatalf("from %d: fingerprint %s, want %s", l.at, r.fingerprint(), want)
			}
		}
	}
}

func fingerprintOf(log string) string {
	var p logdir.Fingerprinter
	_, _ = p.Write([]byte(log))
	return p.At(int64(len(log)))
}

// writeLogFile writes log to path, compressed if isGzip is set.
func writeLogFile(t *testing.T, path, log string, isGzip bool) {
	t.Helper()
	content := []byte(log)
	if isGzip {
		content = compressed(t, log)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// openReader returns a reader of a log from a position on.
func openReader(t *testing.T, path string, isGzip bool, from logdir.LogState) *stretchReader {
	t.Helper()
	r, err := tryReader(t, path, isGzip, from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryReader(t *testing.T, path string, isGzip bool, from logdir.LogState) (*stretchReader, error) {
	t.Helper()
	return newStretchReader(t.Context(), openLogFile(t, path, isGzip), from, toEnd, nil)
}

func openLogFile(t *testing.T, path string, isGzip bool) logFile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	log := logdir.Log{Name: "log_tcp_complete", Protocol: fastparse.TCP, Gzip: isGzip}
	return logFile{f, log, logdir.Stat{Size: info.Size()}, new(layouts)}
}

// A state with a position that the log does not have, with a position inside a line, or with
// a header that is not one is refused. The log is then sent from its start.
func TestReaderResumeRefused(t *testing.T) {
	log := headerA + "\n" + rowA + "\n" + rowA + "\n"
	path := t.TempDir() + "/log_tcp_complete"
	first := int64(len(headerA) + 1)
	end := int64(len(log))
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, log, isGzip)
		for _, c := range []struct {
			what string
			from logdir.LogState
			want string // in the error
		}{
			{"after the end", logdir.LogState{Position: end + 1, End: end + 1}, fmt.Sprintf("read %s up to byte %d: ", path, end+1)},
			{"far after the end", logdir.LogState{Position: 1 << 62, End: 1 << 62, Header: 1 << 61}, "up to byte 4611686018427387904: "},
			{"a header after the end", logdir.LogState{Position: 1 << 40, End: 1 << 40, Header: 1 << 39}, "up to byte 1099511627776: "},
			{"a header at the position", logdir.LogState{Position: first, End: end, Header: first}, fmt.Sprintf("byte %d: no header", first)},
			{"a row as the header", logdir.LogState{Position: end, End: end, Header: first}, fmt.Sprintf("byte %d: no header", first)},
			{"a header inside a line", logdir.LogState{Position: end, End: end, Header: 1}, "byte 1: no header"},
			{"the position in a header", logdir.LogState{Position: 10, End: end}, "byte 0: no header"},
			{"the position inside a row", logdir.LogState{Position: first + 3, End: end}, fmt.Sprintf("up to byte %d: no line begins", first+3)},
			{"the position at a line end", logdir.LogState{Position: end - 1, End: end}, fmt.Sprintf("up to byte %d: no line begins", end-1)},
		} {
			if _, err := tryReader(t, path, isGzip, c.from); !isOtherLog(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, compressed %v: %v, want %q", c.what, isGzip, err, c.want)
			}
		}
	}
}

// The error for a log that the operating system does not let read differs from the error for
// a log that is another one than before.
func TestReaderResumeUnreadable(t *testing.T) {
	path := t.TempDir() + "/log_tcp_complete"
	log := headerA + "\n" + rowA + "\n"
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, log, isGzip)
		f := openLogFile(t, path, isGzip)
		unreadable, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.File = unreadable
		if _, err := openLogReader(t.Context(), f, logdir.LogState{Position: int64(len(log))}); err == nil || isOtherLog(err) {
			t.Errorf("compressed %v: %v", isGzip, err)
		}
		_ = unreadable.Close()
		longer := logdir.LogState{Position: int64(len(log)) + 1}
		if _, err := openLogReader(t.Context(), openLogFile(t, path, isGzip), longer); !isOtherLog(err) {
			t.Errorf("compressed %v, after the end of the log: %v", isGzip, err)
		}
	}
}

// A log with a hole and a position that it no longer has is read up to the hole's end. Then
// the reader returns the error. Its fingerprint covers what was read.
func TestHoleThenRefused(t *testing.T) {
	log := headerA + "\n" + rowA + "\n" + rowA + "\n"
	first, second := int64(len(headerA)+1), int64(len(headerA)+1+len(rowA)+1)
	path := t.TempDir() + "/log_tcp_complete"
	for _, isGzip := range []bool{false, true} {
		writeLogFile(t, path, log, isGzip)
		for what, earlier := range map[string]logdir.LogState{
			"the position inside a row": {Position: second + 3, End: second + 3},
			"a row as the header":       {Position: int64(len(log)), End: int64(len(log)), Header: second},
		} {
			earlier.Holes = []logdir.Hole{{From: first, To: second}}
			r, err := openLogReader(t.Context(), openLogFile(t, path, isGzip), earlier)
			if err != nil {
				t.Fatal(err)
			}
			b := newBlock()
			r.next(b)
			if string(b.buf) != rowA+"\n" || b.last || b.err != nil {
				t.Errorf("%s, gzip %v: %q, last %v, error %v; want the row in the hole", what, isGzip, b.buf, b.last, b.err)
			}
			var covered int64
			if _, err := fmt.Sscanf(r.fingerprint(), "%d:", &covered); err != nil || covered < second || r.fingerprint() != fingerprintOf(log[:covered]) {
				t.Errorf("%s, gzip %v: fingerprint %s, want that of %d bytes or more", what, isGzip, r.fingerprint(), second)
			}
			if r.next(b); !b.last || b.err == nil {
				t.Errorf("%s, gzip %v: last %v, error %v; want an error at the end", what, isGzip, b.last, b.err)
			}
		}
	}
}

// A line that was sent without its newline is left out if every field that flows use was
// complete at that time. Otherwise it is returned again.
func TestReaderTail(t *testing.T) {
	header := headerOf("c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last")
	head := header + "\n"
	fields := strings.Fields(rowA)
	withoutLast := strings.Join(fields[:8], " ")
	for _, c := range []struct {
		what, before, now string
		flows             int
		sent, open        bool
	}{
		{"only the newline was missing", rowA, rowA + "\n" + rowA + "\n", 2, true, false},
		{"a name follows", rowA, rowA + " name\n", 2, true, false},
		{"a name goes on", rowA + " na", rowA + " name\n", 2, true, false},
		{"the last field goes on", rowA[:len(rowA)-3], rowA + "\n", 2, false, false},
		{"the last field goes on, no newline yet", rowA[:len(rowA)-3], rowA, 2, false, false},
		{"nothing new", rowA, rowA, 1, true, true},
		{"more of the name, no newline yet", rowA + " na", rowA + " name", 1, true, true},
		{"it was below the threshold", rowA, rowA + "\n", 0, false, false},
		{"the log is shorter", rowA + " name", rowA + "\n", 2, false, false},
		{"a newline where the field was cut", withoutLast, withoutLast + "\n", 2, true, false},
		{"it has gone", rowA, "", 2, false, false},
		{"it has grown too long", rowA, rowA + strings.Repeat("1", blockSize) + "\n" + rowA + "\n", 2, false, false},
	} {
		path := t.TempDir() + "/log_tcp_complete"
		if err := os.WriteFile(path, []byte(head+c.now), 0o644); err != nil {
			t.Fatal(err)
		}
		at := int64(len(head))
		tail := &logdir.Tail{Bytes: int64(len(c.before)), Flows: c.flows}
		r := openReader(t, path, false, logdir.LogState{Position: at, End: at + int64(len(c.before)), Tail: tail})
		read := newBlock()
		r.next(read)
		if sent := read.alreadySent != nil; sent != c.sent || read.stillOpen != c.open {
			t.Errorf("%s: sent %v, still open %v", c.what, sent, read.stillOpen)
			continue
		}
		want := linesOf(head+c.now, at, header)
		if read.alreadySent != nil {
			if read.alreadySent.Bytes != int64(len(want[0].text)) || read.alreadySent.Flows != c.flows {
				t.Errorf("%s: already sent %+v", c.what, *read.alreadySent)
			}
			want = want[1:]
		}
		got := linesIn(read)
		for !read.last {
			r.next(read)
			got = append(got, linesIn(read)...)
		}
		sameLines(t, c.what, got, want)
	}
}
