package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/stdout"
	"tstat-transport/internal/workers"
)

// firstHour is the time in the name of the first directory of every tree.
var firstHour = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

// thresholds are the default threshold, and the threshold at which everything is sent.
var thresholds = []struct {
	name  string // on the command line
	bytes uint64
}{{"1000", defaultThreshold}, {"0", 0}}

// flows returns the number of the tree's flows at a threshold.
func (t tree) flows(threshold uint64) int64 {
	if threshold == 0 {
		return 2 * (t.books.Rows - t.books.Malformed)
	}
	return t.books.Flows
}

// pipeline measures whole runs over the tree.
func pipeline(b *testing.B, t tree, to transport.Transport, change func(*workers.Options)) {
	b.Helper()
	var threshold uint64
	n := run(b, t.path, to, func(o *workers.Options) {
		change(o)
		threshold = o.Threshold
	})
	t.check(b, n, t.flows(threshold))
	b.SetBytes(t.books.Bytes)
	b.ReportAllocs()
	for b.Loop() {
		n = run(b, t.path, to, change)
	}
	rates(b, n.Rows.Load(), n.Flows.Load(), n.Published.Load())
}

// BenchmarkPipelineDiscard runs the whole pipeline without delivery, over workers and
// threshold.
//
//	go test -bench PipelineDiscard ./bench
func BenchmarkPipelineDiscard(b *testing.B) {
	t := sensorLogs(b)
	for _, threshold := range thresholds {
		for _, n := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("threshold=%s/workers=%d", threshold.name, n), func(b *testing.B) {
				change := func(o *workers.Options) { o.Workers, o.Threshold = n, threshold.bytes }
				checkPipeline(b, change)
				pipeline(b, t, discard{}, change)
			})
		}
	}
}

// BenchmarkPipelineColumns runs the pipeline without delivery over Tstat's versions and log
// levels: more columns make longer rows.
//
//	go test -bench PipelineColumns ./bench
func BenchmarkPipelineColumns(b *testing.B) {
	for _, o := range []loggen.Options{
		{Version: "3.2.1", Level: "00"}, {Version: "3.2.1", Level: "31"}, {Version: "packetstats-213"}, {Version: "2.4"},
		{Version: "3.2.1", UDPShare: loggen.AllTCP}, {Version: "3.2.1", UDPShare: loggen.AllUDP}, {Version: "3.2.1", Dirt: 0.01},
	} {
		name := fmt.Sprintf("version=%s/level=%s/udp=%g/dirt=%g", o.Version, o.Level, o.UDPShare, o.Dirt)
		b.Run(name, func(b *testing.B) {
			t := logs(b, fmt.Sprintf("columns-%x", name), o, 1, size(b)/4)
			b.SetBytes(t.books.Bytes)
			b.ReportAllocs()
			var rows int64
			for b.Loop() {
				n := run(b, t.path, discard{}, nil)
				rows = n.Rows.Load()
			}
			if rows != t.books.Rows {
				b.Fatalf("%d rows of %d", rows, t.books.Rows)
			}
			rates(b, rows, 0, 0)
		})
	}
}

// BenchmarkPipelineLog writes the program's own log to /dev/null, at two levels.
//
//	go test -bench PipelineLog ./bench
func BenchmarkPipelineLog(b *testing.B) {
	t := sensorLogs(b)
	null := devNull(b)
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		b.Run(level.String(), func(b *testing.B) {
			pipeline(b, t, discard{}, func(o *workers.Options) {
				o.Log = slog.New(slog.NewTextHandler(null, &slog.HandlerOptions{Level: level}))
			})
		})
	}
}

// BenchmarkPipelineStdout prints messages to /dev/null, as --no-transport does.
//
//	go test -bench PipelineStdout ./bench
func BenchmarkPipelineStdout(b *testing.B) {
	t := sensorLogs(b)
	null := devNull(b)
	for _, threshold := range thresholds {
		for _, n := range []int{1, 2} {
			b.Run(fmt.Sprintf("threshold=%s/workers=%d", threshold.name, n), func(b *testing.B) {
				pipeline(b, t, stdout.New(null, false), func(o *workers.Options) {
					o.Workers, o.Threshold = n, threshold.bytes
				})
			})
		}
	}
}

// BenchmarkPipelineGzip reads compressed logs. Each worker decompresses one at a time.
//
//	go test -bench PipelineGzip ./bench
func BenchmarkPipelineGzip(b *testing.B) {
	t := logs(b, "gzip", loggen.Options{Gzip: true}, 2, size(b)/4)
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", n), func(b *testing.B) {
			pipeline(b, t, discard{}, func(o *workers.Options) { o.Workers = n })
		})
	}
}

// BenchmarkPipelineSize measures the cost over the size of the logs. The cost should be
// proportional to the size.
//
//	go test -bench PipelineSize ./bench -args -logs 2G
func BenchmarkPipelineSize(b *testing.B) {
	for _, part := range []int64{100, 10, 1} {
		n := size(b) / part
		b.Run(fmt.Sprintf("MB=%g", float64(n)/1e6), func(b *testing.B) {
			t := logs(b, fmt.Sprintf("size-%d", part), loggen.Options{Large: 0.001}, 1, n)
			pipeline(b, t, discard{}, func(*workers.Options) {})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(t.books.Bytes)*1e6, "ns/MB")
		})
	}
}

// BenchmarkLedger confirms messages immediately, and in the worst order: each window from its
// end.
//
//	go test -bench Ledger ./bench
func BenchmarkLedger(b *testing.B) {
	t := sensorLogs(b)
	for _, n := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("publishers=%d/atonce", n), func(b *testing.B) {
			pipeline(b, t, discard{}, func(o *workers.Options) { o.Publishers, o.Threshold = n, 0 })
		})
	}
	b.Run("publishers=128/backwards", func(b *testing.B) {
		pipeline(b, t, &backwards{window: 128}, func(o *workers.Options) { o.Publishers, o.Threshold = 128, 0 })
	})
}

// BenchmarkDirectories opens, locks, reads and closes small directories. It makes no marks.
//
//	go test -bench Directories ./bench
func BenchmarkDirectories(b *testing.B) {
	t := logs(b, "small", loggen.Options{}, 500, 500*2000)
	pipeline(b, t, discard{}, func(*workers.Options) {})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/directory")
}

// backwards confirms the messages of a window from the last to the first, when the window is
// full or one of them has waited for 20 ms.
type backwards struct {
	window  int
	mu      sync.Mutex
	waiting []chan struct{}
}

func (t *backwards) Send(context.Context, *transport.Message) error {
	done := make(chan struct{})
	t.mu.Lock()
	t.waiting = append(t.waiting, done)
	full := len(t.waiting) == t.window
	t.mu.Unlock()
	if full {
		t.flush()
	}
	select {
	case <-done:
	case <-time.After(20 * time.Millisecond):
		t.flush()
		<-done
	}
	return nil
}

func (t *backwards) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting) > 0 {
		last := len(t.waiting) - 1
		close(t.waiting[last])
		t.waiting = t.waiting[:last]
	}
}

func (t *backwards) Close(context.Context) error { return nil }

func devNull(b *testing.B) *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}
