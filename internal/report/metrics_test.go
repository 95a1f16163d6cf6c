package report

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// written writes a run's metrics and returns samplesOf the file.
func written(t *testing.T, r *Run, path string) map[string]string {
	t.Helper()
	writeMetrics(t, r, path)
	return samplesOf(t, path)
}

// The labels of the sample run's metrics, and of those of its root.
const (
	runLabels  = `root="/r",sensor="s"`
	rootLabels = `instance_id="1",root="/r",sensor="s"`
)

// samplesOf is like samples, without the labels of the sample run.
func samplesOf(t *testing.T, path string) map[string]string {
	t.Helper()
	unlabelled := strings.NewReplacer("{"+runLabels+"}", "", "{"+rootLabels+"}", "", runLabels+",", "", ","+runLabels, "")
	values := make(map[string]string)
	for series, value := range samples(t, path) {
		values[unlabelled.Replace(series)] = value
	}
	return values
}

func check(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[sendPrefix+name] != w {
			t.Errorf("%s is %q, want %q", name, got[sendPrefix+name], w)
		}
	}
}

func TestMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tstat.prom")
	good := sampleRun()
	good.Status = 0
	check(t, written(t, good, path), map[string]string{
		"rows_total": "100", "resent_total": "2", "found": "7", "status": "0", "seconds": "90",
		`runs_total{status="0"}`: "1", "unsent": "3", "backlog_bytes": "2750",
		"oldest_unsent_age_seconds": "7290", "oldest_unsent_timestamp_seconds": "1.768464e+09",
		"last_success_timestamp_seconds": "1.76847129e+09", "last_run_timestamp_seconds": "1.76847129e+09",
		`confirm_latency_seconds_bucket{le="0.001"}`: "0", `confirm_latency_seconds_bucket{le="0.002"}`: "3",
		`confirm_latency_seconds_bucket{le="32.768"}`: "3", `confirm_latency_seconds_bucket{le="+Inf"}`: "4",
		"confirm_latency_seconds_sum": "0.008", "errors_total": "1", `build_info{version="v1.2.3"}`: "1",
	})

	// A run that fails: the time of the last success stays, the counters go on.
	bad := sampleRun()
	bad.Started, bad.Ended = start.Add(time.Hour), start.Add(time.Hour+time.Second)
	check(t, written(t, bad, path), map[string]string{
		"rows_total": "200", "resent_total": "4", "found": "7", "status": "75", "seconds": "1",
		`runs_total{status="0"}`: "1", `runs_total{status="75"}`: "1", "errors_total": "2",
		"last_success_timestamp_seconds": "1.76847129e+09", "last_run_timestamp_seconds": "1.768474801e+09",
		`confirm_latency_seconds_bucket{le="0.002"}`: "6", `confirm_latency_seconds_bucket{le="+Inf"}`: "8",
		`build_info{version="v1.2.3"}`: "1",
	})

	// If the crawl did not end, the numbers of the backlog stay as they were.
	blind := sampleRun()
	blind.Counters = new(Counters)
	check(t, written(t, blind, path), map[string]string{
		"unsent": "3", "backlog_bytes": "2750", "oldest_unsent_timestamp_seconds": "1.768464e+09",
		"rows_total": "200", `runs_total{status="75"}`: "2",
	})

	// With nothing left there is no oldest directory.
	done := sampleRun()
	done.Status, done.Counters = 0, new(Counters)
	done.Counters.Crawled("/r", 7, start)
	done.Counters.Unsent.Complete()
	done.Ended = start.Add(2 * time.Hour)
	got := written(t, done, path)
	check(t, got, map[string]string{
		"unsent": "0", "backlog_bytes": "0", "oldest_unsent_age_seconds": "0",
		"last_success_timestamp_seconds": "1.7684784e+09",
	})
	if v, ok := got["tstat_send_oldest_unsent_timestamp_seconds"]; ok {
		t.Errorf("the oldest directory dates from %s, want no sample", v)
	}
}

func TestNoSuccessYet(t *testing.T) {
	got := written(t, sampleRun(), filepath.Join(t.TempDir(), "m.prom"))
	if v, ok := got["tstat_send_last_success_timestamp_seconds"]; ok {
		t.Errorf("the last success was at %s, want no sample", v)
	}
}

// TestDamagedMetrics: a file that cannot be parsed is replaced, and an error says so.
func TestDamagedMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.prom")
	if err := os.WriteFile(path, []byte("tstat_send_rows_total 1 2 3 {{{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenMetrics(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "start at 0") {
		t.Errorf("error %v", err)
	}
	f, _ := OpenMetrics(path)
	if err := sampleRun().WriteMetrics(f); err != nil {
		t.Fatal(err)
	}
	check(t, written(t, sampleRun(), path), map[string]string{"rows_total": "200"})
}

// TestMetricsInDocuments: dashboards, rules and documents name only metrics that exist,
// and docs/monitoring.md names all of them.
func TestMetricsInDocuments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.prom")
	r := sampleRun()
	r.Status = 0
	known := make(map[string]bool)
	for name := range written(t, r, path) {
		name, _, _ = strings.Cut(name, "{")
		known[name] = true
	}
	histogram := sendPrefix + "confirm_latency_seconds" // the documents name it without _bucket, _sum and _count
	known[histogram] = true
	known[sendPrefix+"heartbeat_timestamp_seconds"] = true // written only by WriteInterimMetrics
	metric := regexp.MustCompile(`\btstat_send_[a-z_]+`)
	for _, file := range []string{
		"contrib/prometheus/tstat.rules.yml", "contrib/prometheus/tstat.rules.test.yml",
		"contrib/grafana/tstat_send.json", "docs/monitoring.md",
	} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		named := make(map[string]bool)
		for _, name := range metric.FindAllString(string(text), -1) {
			named[name] = true
			if !known[name] {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		if file != "docs/monitoring.md" {
			continue
		}
		for name := range known {
			if !named[name] && !(strings.HasPrefix(name, histogram) && named[histogram]) {
				t.Errorf("%s does not name %s", file, name)
			}
		}
	}
}

// TestInterimMetrics: the counters of a running run are added to the file once, however
// often the file is written, and the metrics of the last run's end stay.
func TestInterimMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.prom")
	good := sampleRun()
	good.Status = 0
	written(t, good, path)

	f, err := OpenMetrics(path)
	if err != nil {
		t.Fatal(err)
	}
	r := sampleRun()
	r.Ended, r.Status = time.Time{}, 0
	now := start.Add(3 * time.Hour)
	for range 3 {
		r.Counters.Rows.Add(10)
		if err := r.WriteInterimMetrics(f, now); err != nil {
			t.Fatal(err)
		}
	}
	check(t, samplesOf(t, path), map[string]string{
		"rows_total": "230", "heartbeat_timestamp_seconds": "1.768482e+09", "last_row_timestamp_seconds": "1.768482e+09",
		`runs_total{status="0"}`: "1", "status": "0", "seconds": "90", "backlog_bytes": "2750",
		"last_run_timestamp_seconds": "1.76847129e+09", "last_success_timestamp_seconds": "1.76847129e+09",
	})
	r.Ended = now.Add(time.Second)
	if err := r.WriteMetrics(f); err != nil {
		t.Fatal(err)
	}
	got := samplesOf(t, path)
	check(t, got, map[string]string{
		"rows_total": "230", `runs_total{status="0"}`: "2", "last_run_timestamp_seconds": "1.768482001e+09",
	})
	if v, ok := got[sendPrefix+"heartbeat_timestamp_seconds"]; ok {
		t.Errorf("heartbeat at %s after the end", v)
	}
}

// TestMetricsOfEachRoot: each root has its own numbers of directories, and the counters
// of the run have one sample for all roots.
func TestMetricsOfEachRoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.prom")
	r := sampleRun()
	r.Roots = append(r.Roots, Root{Path: "/empty", Instance: "2"}, Root{Path: "/unknown", Instance: "3"})
	r.Counters.Crawled("/empty", 0, time.Time{})
	got := written(t, r, path)
	check(t, got, map[string]string{
		"found": "7", `found{instance_id="2",root="/empty",sensor="s"}`: "0",
		`unsent{instance_id="2",root="/empty",sensor="s"}`: "0",
		"failed_directories": "1", "newest_directory_timestamp_seconds": "1.7684694e+09",
		`rows_total{root="/r,/empty,/unknown",sensor="s"}`: "100",
	})
	for name := range got {
		if strings.Contains(name, "found{") && strings.Contains(name, "/unknown") ||
			strings.Contains(name, "newest") && strings.Contains(name, "/empty") {
			t.Errorf("%s is written though its value is not known", name)
		}
	}
}

// TestMetricsOfALockedRoot: the backlog of a root that a run could not open stays, also if
// the run has counted below another root.
func TestMetricsOfALockedRoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.prom")
	written(t, sampleRun(), path)
	r := sampleRun()
	r.Roots = append(r.Roots, Root{Path: "/s", Instance: "2"})
	r.Counters = new(Counters)
	r.Counters.Crawled("/s", 0, time.Time{})
	r.Counters.Unsent.Complete()
	check(t, written(t, r, path), map[string]string{
		"found": "7", "unsent": "3", "backlog_bytes": "2750", "failed_directories": "1",
		"oldest_unsent_timestamp_seconds":              "1.768464e+09",
		`unsent{instance_id="2",root="/s",sensor="s"}`: "0",
	})
}

// TestUnknownStart: a directory whose start is not known has no age, and is not the oldest.
func TestUnknownStart(t *testing.T) {
	r := sampleRun()
	r.Counters = new(Counters)
	r.Counters.Crawled("/r", 1, time.Time{})
	r.Counters.Unsent.Found("/r/x.out", 0, time.Time{})
	r.Counters.Unsent.Complete()
	got := written(t, r, filepath.Join(t.TempDir(), "m.prom"))
	check(t, got, map[string]string{
		"found": "1", "unsent": "1", "oldest_unsent_age_seconds": "0",
		"newest_directory_timestamp_seconds": "", "oldest_unsent_timestamp_seconds": "",
	})
	a := reportOf(t, r)
	if err := violations(t, "report.schema.json", a); err != nil {
		t.Error(err)
	}
	if oldest, since := at(t, a, "unsent.oldest"), at(t, a, "unsent.first.0").(map[string]any)["since"]; oldest != nil || since != nil {
		t.Errorf("the oldest directory is %v, started at %v; want neither", oldest, since)
	}
}

// TestFilesDoNotCollide: the files of different runs in one folder have no series in
// common. Of a series in two files, node_exporter would drop one.
func TestFilesDoNotCollide(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[string]string)
	for name, change := range map[string]func(*Run){
		"a": func(*Run) {},
		"b": func(r *Run) { r.Roots[0].Path = "/s" },
		"c": func(r *Run) { r.Sensor = "other" },
		"d": func(r *Run) { r.Roots = []Root{{Path: "/t", Instance: "1"}, {Path: "/u", Instance: "1"}} },
	} {
		r := sampleRun()
		change(r)
		writeMetrics(t, r, filepath.Join(dir, name))
		merged, err := readMetrics(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for family, m := range merged {
			for _, sample := range m.GetMetric() {
				series := family
				for _, l := range sample.GetLabel() {
					series += "," + l.String()
				}
				if other, ok := seen[series]; ok {
					t.Errorf("%s and %s both hold %s", other, name, series)
				}
				seen[series] = name
			}
		}
	}
}
