package bench

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/workers"
)

// BenchmarkRead reads logs in blocks as large as the pipeline's. No run with one worker can be faster.
//
//	go test -bench Read ./bench
func BenchmarkRead(b *testing.B) {
	t := sensorLogs(b)
	files, err := filepath.Glob(filepath.Join(t.path, "*", "log_*"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no logs below %s: %v", t.path, err)
	}
	buf := make([]byte, 256<<10)
	read := func() (total int64) {
		for _, name := range files {
			f, err := os.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			// io.Copy could let the kernel copy.
			for err == nil {
				var n int
				n, err = f.Read(buf)
				total += int64(n)
			}
			if !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
			_ = f.Close()
		}
		return total
	}
	if n := read(); n != t.books.Bytes {
		b.Fatalf("read %d bytes of %d", n, t.books.Bytes)
	}
	b.SetBytes(t.books.Bytes)
	for b.Loop() {
		read()
	}
	rates(b, t.books.Rows, 0, 0)
}

// BenchmarkGunzip decompresses a log, with the library of the pipeline and with the standard
// library.
//
//	go test -bench Gunzip ./bench
func BenchmarkGunzip(b *testing.B) {
	t := logs(b, "gzip", loggen.Options{Gzip: true}, 2, size(b)/4)
	name := filepath.Join(t.path, loggen.DirName(firstHour), "log_tcp_complete.gz")
	want := int64(0)
	for _, lib := range []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"klauspost", func(r io.Reader) (io.Reader, error) { return kgzip.NewReader(r) }},
		{"standard", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	} {
		b.Run(lib.name, func(b *testing.B) {
			buf := make([]byte, 256<<10)
			unzip := func() (total int64) {
				f, err := os.Open(name)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				z, err := lib.open(f)
				if err != nil {
					b.Fatal(err)
				}
				total, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{z}, buf)
				if err != nil {
					b.Fatal(err)
				}
				return total
			}
			if n := unzip(); n == 0 || want != 0 && n != want {
				b.Fatalf("%d bytes, want %d", n, want)
			} else {
				want = n
			}
			b.SetBytes(want)
			b.ReportAllocs()
			for b.Loop() {
				unzip()
			}
		})
	}
}

// many is the number of directories that processed makes.
const many = 10_000

// processed makes a root with many small directories of one hour each, and marks them all. The
// root is in memory if possible, since each mark is synced to the disk.
func processed(b *testing.B) tree {
	if dir, err := os.MkdirTemp("/dev/shm", "tstat-bench-"); err == nil {
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
		defer func(old string) { scratch = old }(scratch)
		scratch = dir
	}
	t := logs(b, "many", loggen.Options{}, many, many*600)
	n := run(b, t.path, discard{}, func(o *workers.Options) { o.Mark = true })
	if n.Found.Load() != many || n.Marked.Load() != n.Directories.Load() {
		b.Fatalf("found %d directories and marked %d of %d", n.Found.Load(), n.Marked.Load(), n.Directories.Load())
	}
	return t
}

// BenchmarkWalk walks a root with 10,000 directories. find finds them, idle is a whole run over
// marked directories, and filepath does what `find -name .processed` does.
//
//	go test -bench Walk ./bench
func BenchmarkWalk(b *testing.B) {
	t := processed(b)
	perDir := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/directory")
	}
	b.Run("find", func(b *testing.B) {
		root, err := logdir.OpenRoot(t.path)
		if err != nil {
			b.Fatal(err)
		}
		defer root.Close()
		b.ReportAllocs()
		for b.Loop() {
			found, err := root.Find(context.Background(), func(path string, err error) { b.Errorf("%s: %v", path, err) })
			if err != nil || len(found) != many {
				b.Fatalf("found %d: %v", len(found), err)
			}
		}
		perDir(b)
	})
	b.Run("idle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := run(b, t.path, discard{}, func(o *workers.Options) { o.Mark = true })
			if n.Directories.Load() != 0 {
				b.Fatalf("%d directories are not marked", n.Directories.Load())
			}
		}
		perDir(b)
	})
	b.Run("filepath", func(b *testing.B) {
		for b.Loop() {
			marks := 0
			err := filepath.WalkDir(t.path, func(_ string, d os.DirEntry, err error) error {
				if err == nil && d.Name() == ".processed" {
					marks++
				}
				return err
			})
			if err != nil || marks != many {
				b.Fatalf("%d marks: %v", marks, err)
			}
		}
		perDir(b)
	})
}
