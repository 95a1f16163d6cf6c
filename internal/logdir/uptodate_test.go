package logdir

import (
	"context"
	"fmt"
	"testing"
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

func benchTree(b *testing.B, n int) *Root {
	b.Helper()
	r, err := OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	for i := range n {
		makeMarked(b, r, fmt.Sprintf("2016_%02d_%02d_%02d_%02d.out", i/28/24/60%12+1, i/24/60%28+1, i/60%24, i%60))
	}
	return r
}

func makeMarked(b *testing.B, r *Root, name string) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	e := entry(r, name)
	must(writeFiles(e.Path(), map[string]string{tcp: rows("a", 3), udp: rows("u", 3)}))
	d, err := Open(e)
	must(err)
	defer d.Close()
	s := State{Version: "bench", Logs: map[string]LogState{}}
	logs, err := d.Logs(context.Background())
	must(err)
	for _, l := range logs {
		f, st, err := d.OpenLog(l)
		must(err)
		ls := LogState{Position: st.Size, End: st.Size}
		ls.SetFile(l, st)
		ls.Fingerprint, err = FingerprintOf(f, st.Size)
		must(err)
		must(f.Close())
		s.Logs[l.Name] = ls
	}
	must(d.WriteProcessed(s))
}
