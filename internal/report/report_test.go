package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tstat-transport/internal/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)

// sampleRun is a run that failed in part.
func sampleRun() *Run {
	c := new(Counters)
	c.Found.Store(7)
	c.Crawled("/r", 7, start.Add(-30*time.Minute))
	c.Directories.Store(3)
	c.Marked.Store(1)
	c.Rows.Store(100)
	c.Below.Store(90)
	c.Sent.Store(9)
	c.Malformed.Store(1)
	c.Published.Store(5)
	c.Confirmed.Store(4)
	c.Failed.Store(1)
	c.Spend(Parse, time.Now().Add(-time.Second))
	c.Unsent.Found("/r/b.out", 1000, start.Add(-time.Hour))
	c.Unsent.Found("/r/a.out", 2000, start.Add(-2*time.Hour))
	c.Unsent.Found("/r/c.out", 400, start.Add(-3*time.Hour))
	c.Unsent.Found("/r/d.out", 50, start.Add(-time.Minute))
	c.Unsent.Complete()
	c.Unsent.Done("/r/c.out", 500)
	c.Unsent.NotMarked("/r/b.out", Failed, errors.New("not confirmed"), 300)
	c.Unsent.NotMarked("/r/d.out", Locked, errors.New("locked"), 0)
	events := new(Events)
	log := slog.New(events.Handler(slog.DiscardHandler))
	log.Error("directory_not_marked", "directory", "/r/b.out", "error", errors.New("disk full"))
	log.Warn("blocked")
	log.Info("ignored")
	r := &Run{
		RunInfo:  RunInfo{Version: "v1.2.3", Started: start, Ended: start.Add(90 * time.Second), Status: 75, Events: events},
		Sensor:   "s",
		Roots:    []Root{{Path: "/r", Instance: "1"}},
		Settings: Settings{Transport: "rabbit", Timestamps: "s", UDPDuration: "ms", ThresholdBytes: 1_000_000_000},
		Counters: c,
		Delivery: delivery.Stats{Resent: 2, Reconnects: 1, Latency: delivery.Latency{
			Count: 4, Sum: 8 * time.Millisecond, Max: 5 * time.Millisecond, Buckets: make([]uint64, delivery.Buckets),
		}},
	}
	r.Delivery.Latency.Buckets[1], r.Delivery.Latency.Buckets[16] = 3, 1
	return r
}

// reportOf writes a run's report and reads it back.
func reportOf(t *testing.T, r *Run) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	if err := r.WriteReport(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var a map[string]any
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReport(t *testing.T) {
	a := reportOf(t, sampleRun())
	want := map[string]any{
		"seconds": 90.0, "status": 75.0, "started": "2026-01-15T10:00:00Z", "sensor": "s",
		"counts.found": 7.0, "counts.rows": 100.0, "counts.below": 90.0, "counts.resent": 2.0, "counts.reconnects": 1.0,
		"unsent.directories": 3.0, "unsent.backlog_bytes": 2750.0, "unsent.failed": 1.0, "unsent.locked": 1.0,
		"unsent.oldest": "/r/a.out", "unsent.oldest_age_seconds": 7290.0,
		"unsent.first.0.directory": "/r/b.out", "unsent.first.0.reason": "not confirmed", "unsent.first.0.bytes": 700.0,
		"unsent.first.1.state": "locked", "unsent.first.2.state": "waiting",
		"confirm_latency.mean_seconds": 0.002, "confirm_latency.max_seconds": 0.005,
		"confirm_latency.buckets.1.below_seconds": 0.002, "confirm_latency.buckets.1.count": 3.0,
		"confirm_latency.buckets.16.below_seconds": nil, "confirm_latency.buckets.16.count": 1.0,
		"errors.count": 1.0, "errors.first.0.event": "directory_not_marked", "errors.first.0.details.error": "disk full",
		"warnings.count": 1.0, "warnings.first.0.event": "blocked",
	}
	for path, w := range want {
		if got := at(t, a, path); got != w {
			t.Errorf("%s is %v, want %v", path, got, w)
		}
	}
	if s := at(t, a, "stage_seconds.parse").(float64); s < 1 || s > 60 {
		t.Errorf("%v s of parsing, want about 1", s)
	}
}

// at returns the value at a path of keys and indices, such as errors.first.0.event.
func at(t *testing.T, v any, path string) any {
	t.Helper()
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[key]; !ok {
				t.Fatalf("%s: no %s", path, key)
			}
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(x) {
				t.Fatalf("%s: %d items: %v", path, len(x), err)
			}
			v = x[i]
		default:
			t.Fatalf("%s: %v", path, v)
		}
	}
	return v
}

// TestReportBeforeTheCrawlEnds: if the crawl did not end, the report does not say that
// nothing is unsent.
func TestReportBeforeTheCrawlEnds(t *testing.T) {
	r := sampleRun()
	r.Counters, r.Events, r.Delivery = new(Counters), new(Events), delivery.Stats{}
	r.Counters.Unsent.Found("/r/a.out", 1, start)
	a := reportOf(t, r)
	if a["unsent"] != nil {
		t.Errorf("unsent is %v", a["unsent"])
	}
	if err := violations(t, "report.schema.json", a); err != nil {
		t.Error(err)
	}
	if attrs := fmt.Sprint(r.Attrs()); strings.Contains(attrs, "unsent") || strings.Contains(attrs, "backlog") {
		t.Error(attrs)
	}
}

func TestReportIsBounded(t *testing.T) {
	r := sampleRun()
	log := slog.New(r.Events.Handler(slog.DiscardHandler))
	for i := range 1000 {
		r.Counters.Unsent.Found(fmt.Sprint("/r/", i), 1, start)
		log.Error("e")
		log.Warn("w")
	}
	a := reportOf(t, r)
	for path, want := range map[string]int{"unsent": 1003, "errors": 1001, "warnings": 1001} {
		section := a[path].(map[string]any)
		count := section["count"]
		if path == "unsent" {
			count = section["directories"]
		}
		if n := len(section["first"].([]any)); n != 100 || count != float64(want) {
			t.Errorf("%s: %d of %v, want 100 of %d", path, n, count, want)
		}
	}
	if err := violations(t, "report.schema.json", a); err != nil {
		t.Error(err)
	}
}

func TestSummary(t *testing.T) {
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("summary", sampleRun().Attrs()...)
	_, got, _ := strings.Cut(b.String(), "msg=")
	want := "summary found=7 directories=3 marked=1 logs=0 bytes=0 rows=100 below=90 sent=9 malformed=1 not_finite=0 incomplete=0 " +
		"flows=0 published=5 confirmed=4 failed=1 resent=2 reconnects=1 unsent=3 backlog_bytes=2750 seconds=90 status=75\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestUnsentTotal(t *testing.T) {
	var u Unsent
	u.Found("a", 100, start)
	u.Found("b", 50, start)
	u.Done("a", 130) // an estimate that was too low
	u.Done("x", 5)   // never found
	u.NotMarked("x", Failed, io.EOF, 5)
	if got := u.Total(); got != 180 {
		t.Errorf("%d bytes in all, want 180", got)
	}
	u.NotMarked("b", Failed, io.EOF, 70) // confirmed more than was estimated
	if backlog, complete := u.Backlog(); backlog.Bytes != 0 || backlog.Directories != 1 || complete {
		t.Errorf("%+v, %v", backlog, complete)
	}
}

// TestUnsentFarInTheFuture: nanoseconds since the epoch cannot represent the year 2300. A
// directory from there is not the oldest all the same.
func TestUnsentFarInTheFuture(t *testing.T) {
	var u Unsent
	future := time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	u.Found("2300.out", 1, future)
	u.Found("2026.out", 1, start)
	if backlog, _ := u.Backlog(); backlog.Oldest.Directory != "2026.out" {
		t.Errorf("the oldest is %+v", backlog.Oldest)
	}
	if last := u.First(2)[1]; !last.Since.Equal(future) {
		t.Errorf("the last is %+v, want the start %v", last, future)
	}
}

func TestEventsKeepGroupsAndAttributes(t *testing.T) {
	e := new(Events)
	log := slog.New(e.Handler(slog.DiscardHandler)).With("host", "h").WithGroup("g").With("a", 1)
	log.WarnContext(context.Background(), "w", "b", 2)
	_, warnings := e.lists()
	want := []map[string]string{{"host": "h", "g.a": "1", "g.b": "2"}}
	got := []map[string]string{warnings.First[0].Details}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWriteFileAtomic(t *testing.T) {
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	dir := t.TempDir()
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	path := filepath.Join(dir, "a.prom")
	for _, s := range []string{"one", "two"} {
		if err := writeFileAtomic(path, 0o644, text(s)); err != nil {
			t.Fatal(err)
		}
		if got := read("a.prom"); got != s {
			t.Errorf("%q, want %q", got, s)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v: node_exporter may not read it", info.Mode(), err)
	}
	broken := errors.New("broken")
	err := writeFileAtomic(path, 0o644, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken })
	if !errors.Is(err, broken) || read("a.prom") != "two" {
		t.Errorf("%v, then %q", err, read("a.prom"))
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a.prom", link); err != nil {
		t.Fatal(err)
	}
	if err := writeFileAtomic(link, 0o644, text("three")); err != nil || read("a.prom") != "three" {
		t.Errorf("%v: through a link: %q", err, read("a.prom"))
	}
	if err := writeFileAtomic("/dev/null", 0o644, text("x")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Fatalf("/dev/null has become a file: %v", err)
	}
	if err := writeFileAtomic(filepath.Join(dir, "none", "a"), 0o644, text("x")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a directory that is not there: %v", err)
	}
	if err := writeFileAtomic(dir, 0o644, text("x")); err == nil {
		t.Error("a directory was replaced")
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"a.prom", "link"}) {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestRejects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects")
	for range 2 { // appends
		r, err := OpenRejects(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Reject("a/log", 7, "too few fields", []byte("x \xff")); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := `a/log:7: too few fields: x \xff` + "\n"; err != nil || string(got) != want+want {
		t.Errorf("%q, %v", got, err)
	}
	var none *Rejects
	if none, err = OpenRejects(""); none != nil || err != nil || none.Close() != nil {
		t.Errorf("without a path: %v, %v", none, err)
	}
}

// TestRejectsOnAFullDisk: Reject returns an error once, not for every row.
func TestRejectsOnAFullDisk(t *testing.T) {
	r, err := OpenRejects("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	var errs int
	for range 10_000 {
		if r.Reject("log", 1, "reason", make([]byte, 100)) != nil {
			errs++
		}
	}
	if err := r.Close(); errs != 1 || err != nil {
		t.Errorf("%d errors, and %v when closed; want 1 in all", errs, err)
	}
	r, err = OpenRejects("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Reject("log", 1, "reason", nil); err != nil {
		t.Fatal(err)
	}
	if r.Close() == nil {
		t.Error("Close returned no error though it lost buffered rows")
	}
}
