package logdir

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"tstat-transport/internal/test/testkit"
)

// readPacked returns all that can be read of a .gz, and the error at its end.
func readPacked(ctx context.Context, file string) (string, error) {
	z, err := Uncompressed(ctx, strings.NewReader(file), int64(len(file)))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(z)
	return string(b), err
}

// TestGzipPadding: Uncompressed accepts the padding that gzip -t and zcat accept.
func TestGzipPadding(t *testing.T) {
	var long strings.Builder
	for i := range 20000 {
		long.WriteString(strings.Repeat("x", i%37))
		long.WriteByte('\n')
	}
	one, two, empty := []byte(packed("one\n")), []byte(packed(long.String())), []byte(packed(""))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	zeros := func(n int) []byte { return make([]byte, n) }

	type test struct {
		name string
		file []byte
		text string
		err  error
	}
	tests := []test{
		{"zeros between two members", join(one, zeros(512), one), "one\n", gzip.ErrHeader},
		{"zeros, then garbage", join(one, zeros(100000), []byte("x")), "one\n", gzip.ErrHeader},
		{"a single zero, then garbage", join(one, zeros(1), []byte("x")), "one\n", gzip.ErrHeader},
		{"garbage", join(one, []byte("0123456789abcdef")), "one\n", gzip.ErrHeader},
		{"cut in its trailer", one[:len(one)-1], "one\n", io.ErrUnexpectedEOF},
		{"cut in a second header", join(one, two[:5]), "one\n", io.ErrUnexpectedEOF},
		{"an empty member between", join(one, empty, one), "one\none\n", nil},
		{"an empty member at the end, padded", join(one, empty, zeros(7)), "one\n", nil},
	}
	for _, n := range []int{0, 1, 7, 9, 10, 512, 4096, 100000} {
		tests = append(tests,
			test{"one member", join(one, zeros(n)), "one\n", nil},
			test{"an empty member at the end", join(one, empty, zeros(n)), "one\n", nil},
			test{"a long member", join(two, zeros(n)), long.String(), nil},
			test{"two members", join(one, two, zeros(n)), "one\n" + long.String(), nil},
		)
	}
	// Members that end before, at and after a read of 4 KiB. An extra field in the header
	// sets the length.
	for size := 4080; size <= 4110; size++ {
		extra := size - len(one) - 2
		head := []byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, byte(extra), byte(extra >> 8)}
		tests = append(tests, test{"at a read boundary", join(head, bytes.Repeat([]byte("x"), extra), one[10:], zeros(5000)), "one\n", nil})
	}
	for _, tt := range tests {
		text, err := readPacked(t.Context(), string(tt.file))
		if text != tt.text || !errors.Is(err, tt.err) {
			t.Errorf("%s, file of %d bytes: %d bytes of text and error %v, want %d and %v",
				tt.name, len(tt.file), len(text), err, len(tt.text), tt.err)
		}
	}
}

// TestGzipCutThenZeros: zero bytes after a truncated member are not padding, and a file of
// nothing but zero bytes is no .gz.
func TestGzipCutThenZeros(t *testing.T) {
	var rows strings.Builder
	for i := range 5000 {
		rows.WriteString(strings.Repeat("y", i%31) + "\n")
	}
	whole := []byte(packed(rows.String()))
	for _, at := range []int{len(whole) / 3, len(whole) / 2, len(whole) - 6} {
		file := append(bytes.Clone(whole[:at]), make([]byte, 100000)...)
		if _, err := readPacked(t.Context(), string(file)); err == nil {
			t.Errorf("cut at %d of %d: no error", at, len(whole))
		}
	}
	if _, err := readPacked(t.Context(), string(make([]byte, 512))); !errors.Is(err, gzip.ErrHeader) {
		t.Errorf("nothing but zeros: error %v, want %v", err, gzip.ErrHeader)
	}
}

// Wherever its context ends, a stream returns the error of the context, also while a
// truncated stream is read for the second time.
func TestUncompressedEndsWithItsContext(t *testing.T) {
	whole := packed(rows("a", 20000))
	for _, file := range []string{whole, whole[:len(whole)-9]} {
		want, end := readPacked(t.Context(), file)
		stops := 0
		for ; ; stops++ {
			got, err := readPacked(testkit.Countdown(t.Context(), stops), file)
			if errors.Is(err, context.Canceled) {
				continue
			}
			if got != want || !errors.Is(err, end) {
				t.Errorf("after %d reads: %d bytes of %d, %v", stops, len(got), len(want), err)
			}
			break
		}
		if stops < len(file)>>12 {
			t.Errorf("%d bytes were read in %d reads", len(file), stops)
		}
	}
}

// brokenAt is a file of which one read fails. Later reads succeed again.
type brokenAt struct {
	io.ReaderAt
	reads int // before the one that fails
}

var errDisk = errors.New("disk error")

func (f *brokenAt) ReadAt(b []byte, at int64) (int, error) {
	if f.reads--; f.reads == -1 {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(b, at)
}

// TestUncompressedRepeatsItsError: every Read after a failed one returns the same error,
// also if the failed one belongs to the second reading of a truncated stream. Else a caller
// that reads on would take an unreadable .gz for a truncated one.
func TestUncompressedRepeatsItsError(t *testing.T) {
	whole := packed(rows("a", 20000))
	for _, cut := range []int{0, 9} {
		text := whole[:len(whole)-cut]
		reads := 0
		for ; ; reads++ {
			file := &brokenAt{strings.NewReader(text), reads}
			z, err := Uncompressed(t.Context(), file, int64(len(text)))
			if err == nil {
				_, err = io.Copy(io.Discard, z)
			}
			if file.reads >= 0 { // the end came before the read that fails
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("%d bytes cut, read %d fails: error %v, want %v", cut, reads, err, errDisk)
			}
			if z == nil { // the first header cannot be read
				continue
			}
			for range 2 {
				if n, again := z.Read(make([]byte, 100)); n > 0 || !errors.Is(again, errDisk) {
					t.Fatalf("%d bytes cut, read %d fails: then %d bytes and error %v, want %v", cut, reads, n, again, errDisk)
				}
			}
		}
		least := len(text) >> 12
		if cut > 0 {
			least *= 2 // the stream is read twice
		}
		if reads < least {
			t.Errorf("%d bytes cut: %d reads, want %d at least", cut, reads, least)
		}
	}
}
