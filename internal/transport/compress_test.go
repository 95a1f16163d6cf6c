package transport_test

import (
	"bytes"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/transport"
)

// realMessages returns messages of 100 flows each, from real logs.
func realMessages(t testing.TB) (bodies [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/golden/*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, f := range files {
		lines := strings.Split(strings.TrimSuffix(string(testkit.ReadLog(t, f)), "\n"), "\n")
		for ; len(lines) >= 100; lines = lines[100:] {
			bodies = append(bodies, []byte("["+strings.Join(lines[:100], ",")+"]"))
		}
	}
	return bodies
}

// TestCompressor compresses from many goroutines. Each appends its bodies to one slice
// and reads the slice back as one stream.
func TestCompressor(t *testing.T) {
	bodies := realMessages(t)[:8]
	for name, reader := range map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		c, err := transport.NewCompressor(name)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var packed []byte
				for _, b := range bodies {
					packed = c.Append(packed, b)
				}
				r, err := reader(bytes.NewReader(packed))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, bytes.Join(bodies, nil)) {
					t.Errorf("%s: %d bytes came back, error %v", name, len(got), err)
				}
			})
		}
		wg.Wait()
	}
	if _, err := transport.NewCompressor("lz4"); err == nil {
		t.Error("lz4: no error")
	}
}

// BenchmarkCompressor measures what compression costs and gains on messages of
// real flows.
func BenchmarkCompressor(b *testing.B) {
	bodies := realMessages(b)
	for _, name := range []string{"gzip", "zstd"} {
		b.Run(name, func(b *testing.B) {
			c, err := transport.NewCompressor(name)
			if err != nil {
				b.Fatal(err)
			}
			var in, out int
			var buf []byte
			for i := 0; b.Loop(); i++ {
				body := bodies[i%len(bodies)]
				buf = c.Append(buf[:0], body)
				in, out = in+len(body), out+len(buf)
			}
			b.SetBytes(int64(in / b.N))
			b.ReportMetric(float64(in)/float64(out), "ratio")
		})
	}
}

// TestCompressorMemory bounds the memory that a compressor keeps after many concurrent
// messages on a machine with many processors, and the capacity of each result.
func TestCompressorMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(16))
	bodies := realMessages(t)[:8]
	for _, name := range []string{"gzip", "zstd"} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c, err := transport.NewCompressor(name)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for _, b := range bodies {
					if out := c.Append(nil, b); cap(out) > len(out)*5/4 {
						t.Errorf("%s: a result of %d bytes occupies %d", name, len(out), cap(out))
					}
				}
			})
		}
		wg.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		got := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("%s keeps %d kB", name, got>>10)
		if most := int64(8 << 20); got > most {
			t.Errorf("%s keeps %d bytes, want at most %d", name, got, most)
		}
		runtime.KeepAlive(c)
	}
}
