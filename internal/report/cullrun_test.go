package report

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func sampleCullRun(roots ...string) *CullRun {
	r := &CullRun{
		RunInfo: RunInfo{Version: "v1.2.3", Started: start, Ended: start.Add(1500 * time.Millisecond), Status: 74, Events: new(Events)},
		TTL:     36 * time.Hour, MinFree: "5%",
	}
	for _, root := range roots {
		r.Roots = append(r.Roots, CullRoot{
			Path:         root,
			CullCounts:   CullCounts{Found: 9, Directories: 3, Bytes: 1000, Unmarked: 1, Changed: 2, Kept: 1, Locked: 1, Failed: 1},
			LackingBytes: 500,
		})
	}
	slog.New(r.Events.Handler(slog.DiscardHandler)).Error("disk_short", "root", "/r")
	return r
}

// samples checks a metrics file with promlint and returns its samples: series -> value.
func samples(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if len(problems) > 0 || err != nil {
		t.Errorf("promlint: %v %v", problems, err)
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
			values[series+"}"] = value
		}
	}
	return values
}

func TestCullReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := sampleCullRun("/r", "/s").WriteReport(path); err != nil {
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
	if err := violations(t, "cull-report.schema.json", a); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]any{
		"tool": "tstat_cull", "seconds": 1.5, "status": 74.0, "ttl_hours": 36.0, "min_free": "5%",
		"roots.1.path": "/s", "roots.1.directories": 3.0, "roots.1.lacking_bytes": 500.0, "errors.first.0.event": "disk_short",
	} {
		if got := at(t, a, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// writeMetrics writes the metrics of a run of either program.
func writeMetrics(t *testing.T, r interface{ WriteMetrics(*MetricsFile) error }, path string) {
	t.Helper()
	f, err := OpenMetrics(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMetrics(f); err != nil {
		t.Fatal(err)
	}
}

func TestCullMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cull.prom")
	run := func(r *CullRun) map[string]string {
		t.Helper()
		writeMetrics(t, r, path)
		return samples(t, path)
	}
	run(sampleCullRun("/r", "/s"))
	good := sampleCullRun("/s", "/r")
	good.Status, good.Roots[0].LackingBytes, good.Roots[0].Directories = 0, 0, 4
	got := run(good)
	want := map[string]string{
		`tstat_cull_directories_total{root="/s"}`:              "7",
		`tstat_cull_directories_total{root="/r"}`:              "6",
		`tstat_cull_bytes_total{root="/s"}`:                    "2000",
		`tstat_cull_lacking_bytes{root="/s"}`:                  "0",
		`tstat_cull_lacking_bytes{root="/r"}`:                  "500",
		`tstat_cull_found{root="/r"}`:                          "9",
		`tstat_cull_runs_total{root="/r",status="0"}`:          "1",
		`tstat_cull_runs_total{root="/r",status="74"}`:         "1",
		`tstat_cull_last_success_timestamp_seconds{root="/r"}`: "1.7684712015e+09",
		`tstat_cull_build_info{root="/r",version="v1.2.3"}`:    "1",
		`tstat_cull_errors_total{root="/r"}`:                   "2",
	}
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %q, want %q", series, got[series], value)
		}
	}
	dry := sampleCullRun("/r", "/s")
	dry.DryRun = true
	again := run(dry)
	for series := range want {
		if strings.Contains(series, "directories_total") && again[series] != got[series] {
			t.Errorf("after a dry run %s is %s", series, again[series])
		}
	}
	if again[`tstat_cull_last_success_timestamp_seconds{root="/r"}`] != want[`tstat_cull_last_success_timestamp_seconds{root="/r"}`] {
		t.Error("a run that failed moved the last success")
	}

	// The files of two runs without a common root have no series in common.
	writeMetrics(t, sampleCullRun("/other"), filepath.Join(filepath.Dir(path), "other.prom"))
	for series := range samples(t, filepath.Join(filepath.Dir(path), "other.prom")) {
		if _, ok := again[series]; ok {
			t.Errorf("%s is in both files", series)
		}
	}

	// docs/monitoring.md names these metrics and no others.
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	known, named := map[string]bool{}, map[string]bool{}
	for series := range again {
		name, _, _ := strings.Cut(series, "{")
		known[name] = true
	}
	for _, name := range regexp.MustCompile(`\btstat_cull_[a-z_]+`).FindAllString(string(text), -1) {
		named[name] = true
	}
	if d := cmp.Diff(known, named); d != "" {
		t.Errorf("- metrics, + docs/monitoring.md:\n%s", d)
	}
}

// TestRootLabelOfBothPrograms: both programs label a root with its absolute path, also if
// the root was given as a relative path. Bytes that are not UTF-8 are replaced.
func TestRootLabelOfBothPrograms(t *testing.T) {
	parent := t.TempDir()
	dir := parent + "/\xff"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	send := sampleRun()
	send.Roots = []Root{{Path: "data", Instance: "1"}}
	send.Counters.Crawled("data", 7, start)
	written(t, send, "send.prom")
	writeMetrics(t, sampleCullRun("data"), "cull.prom")
	root := filepath.Join(parent, "\ufffd", "data")
	for file, series := range map[string]string{
		"send.prom": `tstat_send_unsent{instance_id="1",root="` + root + `",sensor="s"}`,
		"cull.prom": `tstat_cull_found{root="` + root + `"}`,
	} {
		if got := samples(t, file); got[series] == "" {
			t.Errorf("%s has no %s: %v", file, series, got)
		}
	}
}
