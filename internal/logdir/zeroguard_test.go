package logdir

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestZeroGuard(t *testing.T) {
	f := func(text string, want int, wantErr error) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, err := io.ReadAll(newZeroGuard(r, func(int64) bool { return false }))
			if string(got) != text[:want] || !errors.Is(err, wantErr) {
				t.Errorf("%d bytes of %d and %v, want %d and %v", len(got), len(text), err, want, wantErr)
			}
		}
	}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	f("", 0, nil)
	f("abc"+zeros(511), 514, nil)
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
	text := rows("a", 5000) + strings.Repeat("\x00", 2<<20) + rows("b", 5000)
	var file bytes.Buffer
	z := gzip.NewWriter(&file) // at its default level, klauspost/compress makes no such run
	_, _ = io.WriteString(z, text)
	must(t, z.Close())
	if !bytes.Contains(file.Bytes(), zeroBytes[:]) {
		t.Fatal("the .gz has no run of zero bytes")
	}
	if got, err := readPacked(t.Context(), file.String()); got != text || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	cut := file.String()[:file.Len()-1]
	if got, err := readPacked(t.Context(), cut); !errors.Is(err, errZeros) {
		t.Errorf("cut: %d bytes of %d, %v, want %v", len(got), len(text), err, errZeros)
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
