package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

var logBytes = flag.String("logs", "64M", "`size` of the logs that whole runs read; M and G are powers of 1000")

// scratch is the directory of the logs.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if scratch, err = os.MkdirTemp("", "tstat-bench-"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

// size returns the value of -logs in bytes.
func size(b *testing.B) int64 {
	digits, factor := *logBytes, int64(1)
	for suffix, f := range map[string]int64{"M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(digits, suffix); ok {
			digits, factor = n, f
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 {
		b.Fatalf("-logs %s: give a size such as 64M or 1G", *logBytes)
	}
	return n * factor
}

// tree is a root with logs, and their books.
type tree struct {
	path  string
	books loggen.Books
}

// trees are the trees that logs has made.
var trees struct {
	sync.Mutex
	made map[string]tree
}

// logs returns a tree of dirs directories of logs, size bytes in all. It makes the tree of a
// name once.
func logs(b testing.TB, name string, o loggen.Options, dirs int, size int64) tree {
	b.Helper()
	trees.Lock()
	defer trees.Unlock()
	if t, ok := trees.made[name]; ok {
		return t
	}
	o.Threshold = defaultThreshold / 1e6
	g, err := loggen.New(o)
	if err != nil {
		b.Fatal(err)
	}
	t := tree{path: filepath.Join(scratch, name)}
	if t.books, err = g.Tree(t.path, dirs, size/int64(dirs)); err != nil {
		b.Fatal(err)
	}
	if trees.made == nil {
		trees.made = make(map[string]tree)
	}
	trees.made[name] = t
	return t
}

// sensorLogs returns the tree that most benchmarks read: two hours of logs, one row in a thousand
// large.
func sensorLogs(b *testing.B) tree {
	return logs(b, "sensor", loggen.Options{Large: 0.001}, 2, size(b))
}

// oneLog returns a log in memory. Its capacity leaves room for fastparse.Padding.
func oneLog(b *testing.B, o loggen.Options, p loggen.Proto, rows int64) ([]byte, loggen.Books) {
	b.Helper()
	g, err := loggen.New(o)
	if err != nil {
		b.Fatal(err)
	}
	write := g.TCP
	if p == loggen.UDP {
		write = g.UDP
	}
	var log bytes.Buffer
	books, err := write(&log, loggen.Rows(rows))
	if err != nil {
		b.Fatal(err)
	}
	log.Grow(fastparse.Padding)
	return log.Bytes(), books
}

// run runs the pipeline over a root, and checks that the books balance.
func run(b testing.TB, root string, t transport.Transport, change func(*workers.Options)) *report.Counters {
	b.Helper()
	r, err := logdir.OpenRoot(root)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	n := new(report.Counters)
	o := workers.Options{
		Roots: []*logdir.Root{r}, Transport: t,
		Settings:  message.Settings{Sensor: sensorID},
		Threshold: defaultThreshold, Workers: 2, Publishers: 1, Grace: 10 * time.Second,
		Version: "bench", Log: slog.New(slog.DiscardHandler), Counters: n,
	}
	if change != nil {
		change(&o)
	}
	out, err := workers.Run(b.Context(), o)
	if err != nil || out.IOErrors != 0 || out.TransportErr != nil {
		b.Fatalf("Run: %+v, %v", out, err)
	}
	if n.Rows.Load() != n.Below.Load()+n.Sent.Load()+n.Malformed.Load() || n.Published.Load() != n.Confirmed.Load() {
		b.Fatalf("the books do not balance: %v", n)
	}
	return n
}

// check compares the counts of a run over the whole tree with the tree's books.
func (t tree) check(b testing.TB, n *report.Counters, flows int64) {
	b.Helper()
	if n.Bytes.Load() != t.books.Bytes || n.Rows.Load() != t.books.Rows || n.Malformed.Load() != t.books.Malformed || n.Flows.Load() != flows {
		b.Fatalf("the run's counts %v do not agree with the logs' %+v and %d flows", n, t.books, flows)
	}
}

// rates reports the rates of a benchmark, given the counts of one iteration.
func rates(b *testing.B, rows, flows, messages int64) {
	for unit, n := range map[string]int64{"rows/s": rows, "flows/s": flows, "messages/s": messages} {
		if n > 0 {
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), unit)
		}
	}
}

// discard accepts every message.
type discard struct{}

func (discard) Send(context.Context, *transport.Message) error { return nil }
func (discard) Close(context.Context) error                    { return nil }
