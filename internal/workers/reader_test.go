package workers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
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

// A row under one of these headers is malformed under the other.
var (
	headerA = header0("c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last")
	headerB = header0("c_ip", "c_port", "first", "last", "durat", "s_bytes_uniq", "c_bytes_uniq", "s_port", "s_ip", "fqdn")
)

const (
	rowA = "10.0.0.1 80 10.0.0.2 443 5000 6000 1.5 1795379200706.312012 1795379200708.312012"
	rowB = "10.0.0.1 80 1795379200706.3 1795379200708.3 1.5 600 700 443 10.0.0.2 a.test"
)

// header0 returns a header line with these columns, followed by the other columns that
// every Tstat writes.
func header0(columns ...string) string {
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

// over returns a reader of a log with the content of src and the name of file.
func over(file *os.File, src io.Reader) *stretchReader {
	return &stretchReader{name: file.Name(), text: new(logText), src: src, header: headerTracker{protocol: fastparse.TCP, layouts: new(layouts)}}
}

// A log may end anywhere, and reads may return any number of bytes.
func TestReaderCut(t *testing.T) {
	log := headerA + "\n" + rowA + "\n\n" + rowA + " #name\n#\n" + headerB + "\n" + rowB + "\n" + headerA + "\n#c_ip:1\n" + rowA + " last\n"
	portions := map[string]func(io.Reader) io.Reader{
		"whole":              func(r io.Reader) io.Reader { return r },
		"a byte at a time":   iotest.OneByteReader,
		"by halves":          iotest.HalfReader,
		"the end with bytes": iotest.DataErrReader,
	}
	file := nullFile(t)
	for how, portion := range portions {
		for n := range len(log) + 1 {
			got, err := drain(t, over(file, portion(strings.NewReader(log[:n]))))
			if err != nil {
				t.Fatalf("%s, cut at %d: %v", how, n, err)
			}
			sameLines(t, fmt.Sprintf("%s, cut at %d", how, n), got, linesOf(log[:n], 0, headerA, headerB))
		}
	}
}

// A line about as long as a block, wherever it begins, does not change the lines before and
// after it.
func TestReaderLongLines(t *testing.T) {
	file := nullFile(t)
	for _, before := range []int{0, 1, blockSize - len(headerA) - 2, blockSize - len(headerA) - 3} {
		head := headerA + "\n"
		if before > 0 {
			head += strings.Repeat("x", before) + "\n"
		}
		for _, length := range []int{
			blockSize - 2, blockSize - 1, blockSize, blockSize + 1, 2*blockSize - 1025, 2*blockSize - 1024, 2 * blockSize,
		} {
			long := strings.Repeat("1 ", length/2) + strings.Repeat("#", length%2)
			for _, rest := range []string{"", "\n", "\n" + rowA, "\n" + rowA + "\n" + headerB + "\n" + rowB + "\n"} {
				log := head + long + rest
				got, err := drain(t, over(file, strings.NewReader(log)))
				if err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("%d bytes behind %d, before %d", length, len(head), len(rest))
				sameLines(t, what, got, linesOf(log, 0, headerA, headerB))
			}
		}
	}
}

// A header line may begin at, end at or cross a block's border.
func TestReaderHeaderAtBorders(t *testing.T) {
	file := nullFile(t)
	rows := headerA + "\n" + strings.Repeat(rowA+"\n", (blockSize-len(headerA)-2*len(headerB))/(len(rowA)+1)-2)
	for shift := -2; shift <= len(headerB)+3; shift++ {
		filled := rows + strings.Repeat("x", blockSize-shift-len(rows)-1) + "\n" // the header starts shift bytes before the border
		log := filled + headerB + "\n" + rowB + "\n" + headerA + "\n" + rowA + "\n"
		got, err := drain(t, over(file, strings.NewReader(log)))
		if err != nil {
			t.Fatal(err)
		}
		sameLines(t, fmt.Sprintf("header %d bytes before the border", shift), got, linesOf(log, 0, headerA, headerB))
	}
}

var sevens = strings.Repeat("7", blockSize)

// endless yields head and then left bytes without a newline.
type endless struct {
	head io.Reader
	left int
}

func (e *endless) Read(b []byte) (int, error) {
	if n, err := e.head.Read(b); err == nil {
		return n, nil
	}
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), e.left)
	e.left -= copy(b[:n], sevens)
	return n, nil
}

// A line of 100 MB takes no memory of its own, with and without a newline at its end.
func TestReaderHugeLine(t *testing.T) {
	const size = 100 << 20
	file := nullFile(t)
	c := newBlock()
	for _, end := range []string{"", "\n" + rowA + "\n"} {
		head := headerA + "\n" + rowA + "\n"
		src := io.MultiReader(&endless{strings.NewReader(head), size}, strings.NewReader(end))
		r := over(file, src)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var got []line
		for !c.last || c.seq == 0 {
			r.next(c)
			got = append(got, linesIn(c)...)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
			t.Errorf("%d MB without a newline took %d bytes of memory", size>>20, used)
		}
		want := linesOf(head, 0, headerA)
		want = append(want, line{at: int64(len(head)), header: headerA, cut: end == ""})
		if end != "" {
			want = append(want, line{at: int64(len(head)) + size + 1, header: headerA, text: rowA})
		}
		sameLines(t, fmt.Sprintf("before %q", end), got, want)
		if total := int64(len(head) + size + len(end)); c.after != total {
			t.Errorf("read up to %d of %d bytes", c.after, total)
		}
		c = newBlock()
	}
}

// failing returns n bytes and then always EIO, as a bad disk does.
type failing struct {
	io.Reader
	n int
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b[:min(len(b), f.n)])
	f.n -= n
	if f.n == 0 {
		err = syscall.EIO
	}
	return n, err
}

// Of a log that cannot be read to its end, the whole lines before the error are returned,
// and nothing else. The error names the file.
func TestReaderError(t *testing.T) {
	file := nullFile(t)
	short := headerA + "\n" + rowA + "\n" + headerB + "\n" + rowB + "\n" + rowB + "\n"
	row := strings.Repeat(rowA+"\n", 10)
	long := headerA + "\n" + strings.Repeat(row, blockSize/len(row)+2) + strings.Repeat("x", blockSize+5) + "\n" + row
	check := func(log string, n int) {
		t.Helper()
		got, err := drain(t, over(file, &failing{strings.NewReader(log), n}))
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), os.DevNull) {
			t.Fatalf("behind %d bytes: %v", n, err)
		}
		whole := strings.LastIndexByte(log[:n], '\n') + 1
		sameLines(t, fmt.Sprintf("behind %d bytes", n), got, linesOf(log[:whole], 0, headerA, headerB))
	}
	for n := 1; n <= len(short); n++ {
		check(short, n)
	}
	for n := 1; n < len(long); n += 30011 {
		check(long, n)
	}
	for n := -2; n <= 2; n++ {
		check(long, blockSize+n)
		check(long, 2*blockSize+n)
	}
}

// A log without a header is an error that names the file, and no line is returned. A header
// line that is still being written is not an error.
func TestReaderFirstLine(t *testing.T) {
	file := nullFile(t)
	for log, wrong := range map[string]bool{
		"":                             false,
		"#":                            false,
		headerA[:20]:                   false,
		headerA:                        false,
		headerA + "\n":                 false,
		"#" + strings.Repeat("x", 1e6): false, // it may still become a header
		"#" + strings.Repeat("x", 1e6) + "\n" + headerA + "\n": true,
		strings.Repeat("x", 1e6):                               true,
		rowA:                                                   true,
		rowA + "\n":                                            true,
		"\n" + headerA + "\n":                                  true,
		headerA[:20] + "\n" + rowA + "\n":                      true,
		"\xff\xfe\x00\n" + headerA + "\n":                      true,
		strings.TrimPrefix(headerA, "#"):                       false,
		"\xef\xbb\xbf" + headerA + "\n":                        false,
		"x y#":                                                 false,
		" " + headerA + "\n" + rowA + "\n":                     true,
	} {
		got, err := drain(t, over(file, strings.NewReader(log)))
		if (err != nil) != wrong {
			t.Errorf("%.30q: %v", log, err)
		}
		if wrong && (len(got) > 0 || !strings.Contains(err.Error(), os.DevNull+": no header")) {
			t.Errorf("%.30q: %d lines, %v", log, len(got), err)
		}
	}
}

// A reader that starts at any line returns the rest of the log, under the right headers, and
// has the fingerprint of the whole log.
func TestReaderResume(t *testing.T) {
	row := strings.Repeat(rowA+"\n", 10)
	log := headerA + "\n" + rowA + "\n" + rowA + "\n" + headerB + "\n" + rowB + "\n" + headerA + "\n" +
		strings.Repeat(row, blockSize/len(row)) + headerB + "\n" + rowB + "\n" + rowB
	path := t.TempDir() + "/log_tcp_complete"
	for _, packed := range []bool{false, true} {
		content := []byte(log)
		if packed {
			content = compressed(t, log)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		all := linesOf(log, 0, headerA, headerB)
		header := map[string]int64{}
		for i, l := range all {
			if l.text == headerA || l.text == headerB {
				header[l.text] = l.at
			}
			if i == 0 || i > 20 && i < len(all)-20 && i%97 > 0 {
				continue
			}
			before := all[i-1].header // in force at the start of l
			from := logdir.LogState{Position: l.at, End: l.at, Header: header[before]}
			if l.text == before { // the same header comes again; the one before it was in force
				for _, e := range all[:i] {
					if e.text == before {
						from.Header = e.at
					}
				}
			} else if l.text == headerA || l.text == headerB {
				for _, e := range all[:i] {
					if e.text == before {
						from.Header = e.at
					}
				}
			}
			r := openReader(t, path, packed, from)
			got, err := drain(t, r)
			if err != nil {
				t.Fatalf("from %d: %v", l.at, err)
			}
			sameLines(t, fmt.Sprintf("from %d, compressed %v", l.at, packed), got, all[i:])
			if want := printOf(log); r.fingerprint() != want {
				t.Fatalf("from %d: fingerprint %s, want %s", l.at, r.fingerprint(), want)
			}
		}
	}
}

func printOf(log string) string {
	var p logdir.Fingerprinter
	_, _ = p.Write([]byte(log))
	return p.At(int64(len(log)))
}

// openReader returns a reader of a log from a position on.
func openReader(t *testing.T, path string, packed bool, from logdir.LogState) *stretchReader {
	t.Helper()
	r, err := tryReader(t, path, packed, from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryReader(t *testing.T, path string, packed bool, from logdir.LogState) (*stretchReader, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := logdir.StatLog(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	log := logdir.Log{Name: "log_tcp_complete", Protocol: fastparse.TCP, Gzip: packed}
	return newStretchReader(t.Context(), logFile{f, log, st, new(layouts)}, from, toEnd, nil)
}

// A state with a position that the log does not have, with a position inside a line, or with
// a header that is not one is refused. The log is then sent from its start.
func TestReaderResumeRefused(t *testing.T) {
	log := headerA + "\n" + rowA + "\n" + rowA + "\n"
	path := t.TempDir() + "/log_tcp_complete"
	first := int64(len(headerA) + 1)
	end := int64(len(log))
	for _, packed := range []bool{false, true} {
		content := []byte(log)
		if packed {
			content = compressed(t, log)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		for what, from := range map[string]logdir.LogState{
			"after the end":              {Position: end + 1, End: end + 1},
			"far after the end":          {Position: 1 << 62, End: 1 << 62, Header: 1 << 61},
			"a header after the end":     {Position: 1 << 40, End: 1 << 40, Header: 1 << 39},
			"a header at the position":   {Position: first, End: end, Header: first},
			"a row as the header":        {Position: end, End: end, Header: first},
			"a header inside a line":     {Position: end, End: end, Header: 1},
			"the position in a header":   {Position: 10, End: end},
			"the position inside a row":  {Position: first + 3, End: end},
			"the position at a line end": {Position: end - 1, End: end},
		} {
			if r, err := tryReader(t, path, packed, from); err == nil {
				t.Errorf("%s, compressed %v: no error, goes on at %d", what, packed, r.offset)
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
	but := strings.Join(fields[:8], " ") // without last
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
		{"a newline where the field was cut", but, but + "\n", 2, true, false},
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
		sameLines(t, c.what, got, want[:min(len(want), len(got))])
		if len(want) > 0 && len(got) == 0 {
			t.Errorf("%s: nothing is left", c.what)
		}
	}
}

// The lines that a reader returns, put together, are the bytes of the log, however many
// bytes a read returns.
func FuzzReader(f *testing.F) {
	f.Add([]byte(headerA+"\n"+rowA+"\n"), uint16(1))
	f.Add([]byte(headerA+"\n#\n"+headerB+"\n"+rowB), uint16(7))
	f.Add([]byte("#\n\n"), uint16(0))
	file := nullFile(f)
	f.Fuzz(func(t *testing.T, log []byte, portion uint16) {
		got, err := drain(t, over(file, portions{bytes.NewReader(log), int(portion) + 1}))
		var text []byte
		for _, l := range got {
			text = append(text, l.text...)
			if !l.cut {
				text = append(text, '\n')
			}
		}
		if err == nil && !bytes.Equal(text, log) || err != nil && len(text) > 0 {
			t.Errorf("%q is read as %q, %v", log, text, err)
		}
	})
}

type portions struct {
	io.Reader
	most int
}

func (p portions) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.most)]) }
