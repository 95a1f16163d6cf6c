package logdir

import (
	"testing"
	"time"
)

// A run over directories that are all done should cost little more than listing them:
//
//	go test -run '^$' -bench UpToDate -benchtime 3x ./internal/logdir
func BenchmarkUpToDate(b *testing.B) {
	const directories = 1000
	r := benchTree(b, directories)
	var entries []Entry
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			var err error
			if entries, err = r.Find(b.Context(), nil); err != nil || len(entries) != directories {
				b.Fatal(len(entries), err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*directories), "ns/dir")
	})
	b.Run("up to date", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, e := range entries {
				if !UpToDate(e) {
					b.Fatal(e.Path())
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*directories), "ns/dir")
	})
}

// benchTree returns a root with n marked directories of two logs.
func benchTree(b *testing.B, n int) *Root {
	b.Helper()
	files, names := map[string]string{}, make([]string, n)
	for i := range names {
		names[i] = time.Unix(int64(i)*3600, 0).UTC().Format(layouts[0])
		files[names[i]+"/"+tcp], files[names[i]+"/"+udp] = rows("a", 3), rows("u", 3)
	}
	r := tree(b, files)
	for _, name := range names {
		d := open(b, entry(r, name))
		markConfirmed(b, d)
		must(b, d.Close())
	}
	return r
}
