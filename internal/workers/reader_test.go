package workers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

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
			got, err := drain(t, readerOf(file, portion(strings.NewReader(log[:n]))))
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
				got, err := drain(t, readerOf(file, strings.NewReader(log)))
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
		got, err := drain(t, readerOf(file, strings.NewReader(log)))
		if err != nil {
			t.Fatal(err)
		}
		sameLines(t, fmt.Sprintf("header %d bytes before the border", shift), got, linesOf(log, 0, headerA, headerB))
	}
}

var sevens = strings.Repeat("7", blockSize)

// hugeLine yields head and then a line of size bytes without its newline.
type hugeLine struct {
	head io.Reader
	size int
}

func (h *hugeLine) Read(b []byte) (int, error) {
	if n, err := h.head.Read(b); err == nil {
		return n, nil
	}
	if h.size == 0 {
		return 0, io.EOF
	}
	n := min(len(b), h.size)
	h.size -= copy(b[:n], sevens)
	return n, nil
}

// A line of 100 MB takes no memory of its own, with and without a newline at its end.
func TestReaderHugeLine(t *testing.T) {
	const size = 100 << 20
	file := nullFile(t)
	c := newBlock()
	for _, end := range []string{"", "\n" + rowA + "\n"} {
		head := headerA + "\n" + rowA + "\n"
		src := io.MultiReader(&hugeLine{strings.NewReader(head), size}, strings.NewReader(end))
		r := readerOf(file, src)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var got []line
		for !c.last {
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
		got, err := drain(t, readerOf(file, &failing{strings.NewReader(log), n}))
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
		got, err := drain(t, readerOf(file, strings.NewReader(log)))
		if (err != nil) != wrong {
			t.Errorf("%.30q: %v", log, err)
		}
		if wrong && (len(got) > 0 || !strings.Contains(err.Error(), os.DevNull+": no header")) {
			t.Errorf("%.30q: %d lines, %v", log, len(got), err)
		}
	}
}

// The lines that a reader returns, put together, are the bytes of the log, however many
// bytes a read returns.
func FuzzReader(f *testing.F) {
	f.Add([]byte(headerA+"\n"+rowA+"\n"), uint16(1))
	f.Add([]byte(headerA+"\n#\n"+headerB+"\n"+rowB), uint16(7))
	f.Add([]byte("#\n\n"), uint16(0))
	f.Add([]byte("\x00\x00"), uint16(0))
	file := nullFile(f)
	f.Fuzz(func(t *testing.T, log []byte, portion uint16) {
		if zeroRun(log) >= 0 {
			t.Skip("a run of zero bytes is a hole, not a line")
		}
		got, err := drain(t, readerOf(file, portions{bytes.NewReader(log), int(portion) + 1}))
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
