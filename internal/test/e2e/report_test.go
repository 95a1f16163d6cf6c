package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

// account holds the parts of a report that the tests read.
type account struct {
	Status int            `json:"status"`
	Counts map[string]int `json:"counts"`
	Unsent struct {
		Directories  int    `json:"directories"`
		BacklogBytes int64  `json:"backlog_bytes"`
		Oldest       string `json:"oldest"`
	} `json:"unsent"`
	Latency struct {
		Count int     `json:"count"`
		Mean  float64 `json:"mean_seconds"`
		Max   float64 `json:"max_seconds"`
	} `json:"confirm_latency"`
	Stages map[string]float64 `json:"stage_seconds"`
}

// reported runs tstat_send with a report and metrics, and wants both to agree with the
// summary. It calls during, if not nil, while the run goes on.
func (s *site) reported(status int, path string, during func(*program)) (account, result) {
	s.t.Helper()
	metrics := path + ".prom"
	_ = os.Remove(metrics) // so that its counters are this run's
	p := s.start("--report", path, "--metrics", metrics)
	if during != nil {
		during(p)
	}
	r := p.wait().want(status)
	var a account
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	prom, promErr := os.ReadFile(metrics)
	if err != nil || promErr != nil {
		s.t.Fatal(err, promErr)
	}
	noSecret(s.t, string(text))
	for name, n := range a.Counts {
		if text, ok := r.Summary[name]; ok && text != strconv.Itoa(n) {
			s.t.Errorf("%s is %s in the summary and %d in the report", name, text, n)
		}
		if name == "found" {
			continue // the metric is tstat_send_found, without _total
		}
		inMetrics := -1.0
		for line := range strings.Lines(string(prom)) {
			series, v, _ := strings.Cut(strings.TrimSpace(line), " ")
			if series, _, _ = strings.Cut(series, "{"); series == "tstat_send_"+name+"_total" {
				inMetrics, err = strconv.ParseFloat(v, 64)
			}
		}
		if inMetrics != float64(n) || err != nil {
			s.t.Errorf("%s is %d in the report and %v in the metrics: %v", name, n, inMetrics, err)
		}
	}
	if a.Status != status || r.count("unsent") != a.Unsent.Directories || int64(r.count("backlog_bytes")) != a.Unsent.BacklogBytes {
		s.t.Errorf("report %+v, summary %v", a, r.Summary)
	}
	return a, r
}

// TestReport: the counts in the report are those of the broker.
func TestReport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	var size int64
	for _, dir := range s.directories() {
		for name := range reference.Protocols {
			if info, err := os.Stat(filepath.Join(s.root, dir, name)); err == nil {
				size += info.Size()
			}
		}
	}
	path := filepath.Join(t.TempDir(), "report.json")

	// The broker is away. The report has the backlog all the same.
	proxy := s.Through()
	proxy.Down()
	a, _ := s.reported(tryAgain, path, nil)
	if a.Unsent.Directories != len(s.directories()) || a.Unsent.BacklogBytes != size || !strings.HasSuffix(a.Unsent.Oldest, s.directories()[0]) {
		t.Errorf("%+v, want %d directories of %d bytes", a.Unsent, len(s.directories()), size)
	}

	proxy.Up()
	a, _ = s.reported(allDone, path, nil)
	if a.Unsent.Directories != 0 || a.Unsent.BacklogBytes != 0 {
		t.Errorf("after a success: %+v", a.Unsent)
	}
	queued := s.Queued()
	if n := a.Counts["published"]; n != queued || n != a.Latency.Count || a.Counts["resent"] != 0 {
		t.Errorf("published %d, latencies %d, resent %d; the queue holds %d", n, a.Latency.Count, a.Counts["resent"], queued)
	}
	// Publishers wait for about as long as all latencies together; half of that leaves a margin.
	if a.Latency.Mean <= 0 || a.Latency.Max < a.Latency.Mean || a.Stages["confirm"] < a.Latency.Mean*float64(queued)/2 {
		t.Errorf("latency %+v, stages %v", a.Latency, a.Stages)
	}
	for _, stage := range []string{"crawl", "read", "parse", "mark"} {
		if a.Stages[stage] <= 0 {
			t.Errorf("no time was spent to %s: %v", stage, a.Stages)
		}
	}
	s.wantComplete()
}

// TestReportOfResending: messages whose confirmations are lost with a connection are sent
// again, and the report counts them as resent.
func TestReportOfResending(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.repeats = true
	s.fill()
	proxy := s.Through()
	proxy.Bandwidth(slow)
	path := filepath.Join(t.TempDir(), "report.json")
	a, _ := s.reported(allDone, path, func(p *program) {
		s.awaitArrived(p, 20)
		proxy.DropReplies(true)
		before := s.Queued()
		testkit.Await(t, "messages whose confirmations are lost", func() bool { return s.Queued() > before })
		proxy.ResetConnections()
		proxy.DropReplies(false)
	})
	if a.Counts["resent"] == 0 || a.Counts["reconnects"] == 0 {
		t.Fatalf("resent %d, reconnects %d", a.Counts["resent"], a.Counts["reconnects"])
	}
	// A resent message that the broker had not read before the reset arrives once.
	published, resent, queued := a.Counts["published"], a.Counts["resent"], s.Queued()
	if queued <= published || queued > published+resent {
		t.Errorf("published %d, resent %d; the queue holds %d", published, resent, queued)
	}
	if a.Latency.Count != a.Counts["published"] {
		t.Errorf("%d latencies of %d messages", a.Latency.Count, a.Counts["published"])
	}
	s.wantComplete()
}
