package logdir

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tstat-transport/internal/test/testkit"
)

func TestZeroGuard(t *testing.T) {
	f := func(text string, want int, wantErr error) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			from := func(int64) io.Reader { return r }
			got, err := io.ReadAll(newZeroGuard(from, func(int64) (bool, error) { return false, nil }))
			if string(got) != text[:want] || !errors.Is(err, wantErr) {
				t.Errorf("%d bytes of %d and %v, want %d and %v", len(got), len(text), err, want, wantErr)
			}
		}
	}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	f("", 0, nil)
	f("abc"+zeros(9), 12, nil)
	f("abc"+zeros(10), 3, nil)
	f("abc"+zeros(511), 3, nil)
	f(zeros(511), 511, nil)
	f("abc"+zeros(512), 3, nil)
	f("abc"+zeros(511)+"d", 515, nil)
	f("abc"+zeros(512)+"d", 3, errZeros)
	f(zeros(600), 600, nil) // not the start of a .gz: the header is refused
	long := strings.Repeat("x", 64<<10-100)
	f(long+zeros(300)+long+zeros(200<<10)+"d", 2*len(long)+300, errZeros)
	f(long+zeros(200<<10), len(long), nil)
}

// TestZeroBytesInTheLog: the .gz of a log with megabytes of zero bytes has itself more than
// zeroRunGzip zero bytes in a row. It is read to its end.
func TestZeroBytesInTheLog(t *testing.T) {
	text, file := gzipWithZeros()
	if !bytes.Contains(file, zeroBytes[:]) {
		t.Fatal("the .gz has no run of zero bytes")
	}
	if got, err := readPacked(t.Context(), string(file)); got != text || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	cut := string(file[:len(file)-1])
	if got, err := readPacked(t.Context(), cut); !errors.Is(err, errZeros) {
		t.Errorf("cut: %d bytes of %d, %v, want %v", len(got), len(text), err, errZeros)
	}
}

// gzipWithZeros returns a text, and a .gz of it with a run of zero bytes in its data.
func gzipWithZeros() (text string, file []byte) {
	text = rows("a", 5000) + strings.Repeat("\x00", 2<<20) + rows("b", 5000)
	var b bytes.Buffer
	z := gzip.NewWriter(&b) // at its default level, klauspost/compress makes no such run
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return text, b.Bytes()
}

// TestUnreadableBehindZeros: wherever reading a .gz with zero bytes in its data fails, and
// wherever its context ends, the error is that one and not errZeros.
func TestUnreadableBehindZeros(t *testing.T) {
	text, whole := gzipWithZeros()
	for reads := 0; ; reads++ {
		file := &brokenAt{bytes.NewReader(whole), reads}
		z, err := Uncompressed(t.Context(), file, int64(len(whole)))
		if err == nil {
			_, err = io.Copy(io.Discard, z)
		}
		if file.reads >= 0 {
			break
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("read %d fails: error %v, want %v", reads, err, errDisk)
		}
	}
	for stops := 0; ; stops++ {
		got, err := readPacked(testkit.Countdown(t.Context(), stops), string(whole))
		if err == nil && got == text {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d reads: %v", stops, err)
		}
	}
}

// arrivingAt is a file with zero bytes in place of data. The data arrives when the file is
// read from its start once more.
type arrivingAt struct {
	io.ReaderAt
	whole  io.ReaderAt
	starts int // before the one at which the data arrives
}

func (f *arrivingAt) ReadAt(b []byte, at int64) (int, error) {
	if at == 0 {
		f.starts--
	}
	if f.starts < 0 {
		f.ReaderAt = f.whole
	}
	return f.ReaderAt.ReadAt(b, at)
}

// TestDataArrivesWhileChecked: whenever data takes the place of zero bytes, these are not
// decompressed: that would give rows that nobody wrote.
func TestDataArrivesWhileChecked(t *testing.T) {
	text := rows("a", 20000)
	whole := []byte(packed(text))
	complete := false
	for starts := range 5 {
		for at := 1000; at+2*zeroRunGzip < len(whole); at += 997 {
			broken := bytes.Clone(whole)
			clear(broken[at : at+zeroRunGzip])
			r, err := Uncompressed(t.Context(), &arrivingAt{bytes.NewReader(broken), bytes.NewReader(whole), starts}, int64(len(whole)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if !strings.HasPrefix(text, string(got)) || err != nil && !errors.Is(err, errZeros) {
				t.Errorf("at %d, start %d: %d bytes, %v", at, starts, len(got), err)
			}
			complete = complete || starts > 0 && string(got) == text && err == nil
		}
	}
	if !complete {
		t.Error("the data never arrived while the file was checked")
	}
}

// TestFewZeroBytesAtTheEnd: if the last bytes of a .gz have not arrived, the zero bytes in
// their place are not decompressed.
func TestFewZeroBytesAtTheEnd(t *testing.T) {
	text := rows("a", 20000)
	whole := packed(text)
	for n := memberEnd + 1; n < 2*zeroRunGzip; n += 7 {
		file := whole[:len(whole)-n] + strings.Repeat("\x00", n)
		if got, err := readPacked(t.Context(), file); !strings.HasPrefix(text, got) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d zero bytes: %d bytes of %d, %v", n, len(got), len(text), err)
		}
	}
}

// TestZeroBytesInGzip: a .gz with zero bytes in place of data gives the start of the text
// that was compressed, and then an error.
func TestZeroBytesInGzip(t *testing.T) {
	text := rows("a", 20000)
	whole := []byte(packed(text))
	for at := 1000; at < len(whole); at += 997 {
		broken := append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...)
		for name, c := range map[string]struct {
			file []byte
			want error
		}{"to the end": {broken, io.ErrUnexpectedEOF}, "then more": {append(bytes.Clone(broken), "more"...), errZeros}} {
			if len(whole)-at < zeroRunGzip {
				continue
			}
			r, err := Uncompressed(t.Context(), bytes.NewReader(c.file), int64(len(c.file)))
			if err != nil {
				t.Fatalf("%s, at %d: %v", name, at, err)
			}
			got, err := io.ReadAll(r)
			if !strings.HasPrefix(text, string(got)) || !errors.Is(err, c.want) {
				t.Errorf("%s, at %d: %d bytes, %v, want %v", name, at, len(got), err, c.want)
			}
		}
	}
}
