package workers

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/fastparse"
)

// line is a line that a reader returns, with its offset and the header line in force.
type line struct {
	at     int64
	header string // of a header line: the line itself
	text   string
	cut    bool // the line has no newline
}

// linesOf returns the lines that a reader must return from a position on. headers are the
// log's header lines. A line that is too long for a block has no text.
func linesOf(log string, from int64, headers ...string) []line {
	var all []line
	header, at := "", int64(0)
	for text := range strings.SplitAfterSeq(log, "\n") {
		if text == "" {
			break
		}
		plain, whole := strings.CutSuffix(text, "\n")
		for _, h := range headers {
			if whole && plain == h {
				header = h
			}
		}
		l := line{at: at, header: header, text: plain, cut: !whole}
		if len(plain) >= blockSize {
			l.text = ""
		}
		if at >= from {
			all = append(all, l)
		}
		at += int64(len(text))
	}
	return all
}

// drain reads a log to its end, and checks each block's place, size, end and padding.
func drain(t *testing.T, r *stretchReader) (all []line, err error) {
	t.Helper()
	c := newBlock()
	end := r.offset
	for seq := 0; ; seq++ {
		r.next(c)
		if c.seq != seq || c.base != end && c.alreadySent == nil || c.after < c.base || len(c.buf) > blockSize+1 {
			t.Fatalf("block %d is called %d, begins at %d behind %d, ends at %d, holds %d bytes",
				seq, c.seq, c.base, end, c.after, len(c.buf))
		}
		if len(c.buf) > 0 && c.buf[len(c.buf)-1] != '\n' {
			t.Fatalf("block %d ends in mid-line", seq)
		}
		if cap(c.buf) < len(c.buf)+fastparse.Padding {
			t.Fatalf("block %d has %d bytes behind it", seq, cap(c.buf)-len(c.buf))
		}
		end = c.after
		all = append(all, linesIn(c)...)
		if c.last {
			return all, c.err
		}
	}
}

// linesIn returns the lines of a block.
func linesIn(c *block) []line {
	if c.long > 0 && len(c.buf) > 0 {
		l := line{at: c.base, cut: c.unterminated}
		if c.layout != nil {
			l.header = c.layout.Header
		}
		return []line{l}
	}
	var all []line
	layout, headers, at := c.layout, c.headers, 0
	for text := range strings.SplitAfterSeq(string(c.buf), "\n") {
		if text == "" {
			break
		}
		if len(headers) > 0 && headers[0].at == at {
			layout, headers = headers[0].layout, headers[1:]
		}
		l := line{at: c.base + int64(at), text: strings.TrimSuffix(text, "\n")}
		if layout != nil {
			l.header = layout.Header
		}
		at += len(text)
		l.cut = c.unterminated && at == len(c.buf)
		all = append(all, l)
	}
	return all
}

func sameLines(t *testing.T, what string, got, want []line) {
	t.Helper()
	short := func(l line) string { return fmt.Sprintf("%d %.40q under %.20q cut %v", l.at, l.text, l.header, l.cut) }
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: line %d is %s, want %s", what, i, short(got[i]), short(want[i]))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
	}
}

var (
	headerA = headerWith("c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last")
	headerB = headerWith("c_ip", "c_port", "first", "last", "durat", "s_bytes_uniq", "c_bytes_uniq", "s_port", "s_ip", "fqdn")
)

const (
	rowA = "10.0.0.1 80 10.0.0.2 443 5000 6000 1.5 1795379200706.312012 1795379200708.312012"
	rowB = "10.0.0.1 80 1795379200706.3 1795379200708.3 1.5 600 700 443 10.0.0.2 a.test"
)

// headerWith returns a header line with these columns, followed by the other columns that
// every Tstat writes.
func headerWith(columns ...string) string {
	core, err := os.ReadFile("../../testdata/corpus/level00_core_only/2026_11_22_20_26.out/log_tcp_complete")
	if err != nil {
		panic(err)
	}
	for column := range strings.FieldsSeq(string(firstLine(core))) {
		name, _, _ := strings.Cut(column[strings.LastIndexByte(column, '#')+1:], ":")
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	return headerOf(columns...)
}

// headerOf returns a header line with these columns.
func headerOf(columns ...string) string {
	for i, c := range columns {
		columns[i] = fmt.Sprintf("%s:%d", c, i+1)
	}
	return "#" + strings.Join(columns, " ")
}

func nullFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// readerOf returns a reader of a log with the content of src and the name of file.
func readerOf(file *os.File, src io.Reader) *stretchReader {
	return &stretchReader{name: file.Name(), text: new(logText), src: src, header: headerTracker{protocol: fastparse.TCP, layouts: new(layouts)}}
}
