package prometheus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"tstat-transport/internal/delivery"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/testkit"
)

// sensors is the number of sensors of the fleet. Sensor 0 has never succeeded. Sensor 1 has two
// lines in its crontab, and one of them has never succeeded. The sensors with even numbers have an
// unsent directory below one of their two roots.
const sensors = 40

// writeRun writes the metrics of one more run of both programs on a sensor, and returns the
// text of all files.
func writeRun(dir string, sensor int) (text []byte, err error) {
	now := time.Now()
	send := &report.Run{
		RunInfo: report.RunInfo{
			Version: fmt.Sprintf("v1.%d.0", sensor%2), Started: now.Add(-time.Minute), Ended: now, Events: new(report.Events),
		},
		Sensor:   fmt.Sprintf("sensor%d", sensor),
		Roots:    []report.Root{{Path: "/data/tstat0", Instance: "0"}, {Path: "/data/tstat1", Instance: "1"}},
		Counters: new(report.Counters),
		Delivery: delivery.Stats{Latency: delivery.Latency{Count: 5, Sum: time.Second, Buckets: []uint64{0, 2, 3}}},
	}
	if sensor == 0 {
		send.Status = 75
		slog.New(send.Events.Handler(slog.DiscardHandler)).Error("not_delivered")
	}
	for _, root := range send.Roots {
		send.Counters.Crawled(root.Path, 24, now.Add(-time.Hour))
	}
	send.Counters.Rows.Store(100)
	send.Counters.Below.Store(90)
	if sensor%2 == 0 {
		const directory = "/data/tstat0/1.out"
		send.Counters.Unsent.Found(directory, 1000, now.Add(-2*time.Hour))
		send.Counters.Unsent.NotMarked(directory, report.Failed, errors.New("not confirmed"), 0)
	}
	send.Counters.Unsent.Complete()
	cull := &report.CullRun{
		RunInfo: report.RunInfo{Version: send.Version, Started: send.Started, Ended: now, Events: new(report.Events)},
		Roots:   []report.CullRoot{{Path: "/data/tstat0"}, {Path: "/data/tstat1", LackingBytes: int64(sensor % 2)}},
	}
	sendFile := filepath.Join(dir, fmt.Sprintf("send%d.prom", sensor))
	cullFile := filepath.Join(dir, fmt.Sprintf("cull%d.prom", sensor))
	sendMetrics, err := report.OpenMetrics(sendFile)
	cullMetrics, cullErr := report.OpenMetrics(cullFile)
	err = errors.Join(err, cullErr, send.WriteMetrics(sendMetrics), cull.WriteMetrics(cullMetrics))
	paths := []string{sendFile, cullFile}
	if sensor == 1 {
		second := &report.Run{RunInfo: send.RunInfo, Sensor: send.Sensor, Roots: []report.Root{{Path: "/data/tstat2"}}, Counters: new(report.Counters)}
		second.Status = 75
		second.Counters.Crawled("/data/tstat2", 1, now.Add(-time.Hour))
		path := filepath.Join(dir, "second.prom")
		metrics, openErr := report.OpenMetrics(path)
		err = errors.Join(err, openErr, second.WriteMetrics(metrics))
		paths = append(paths, path)
	}
	for _, path := range paths {
		file, readErr := os.ReadFile(path)
		text, err = append(text, file...), errors.Join(err, readErr)
	}
	return text, err
}

// fleet starts a Prometheus that scrapes all sensors. The first scrapes of a sensor find one
// more run each.
func fleet(t *testing.T) *server {
	prometheus := tool(t, "prometheus")
	dir := t.TempDir()
	// The metrics are written in advance: writing them syncs the disk, and a scrape that takes
	// longer than its time-out would end all series of its sensor.
	const runs = 3
	var texts [sensors][runs][]byte
	for sensor := range texts {
		for run := range runs {
			text, err := writeRun(dir, sensor)
			if err != nil {
				t.Fatal(err)
			}
			texts[sensor][run] = text
		}
	}
	var scrapes [sensors]atomic.Int64
	exporters := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sensor int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &sensor); err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(texts[sensor][min(scrapes[sensor].Add(1), runs)-1])
	}))
	t.Cleanup(exporters.Close)
	config := "global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n- job_name: node\n  static_configs:\n"
	for i := range sensors {
		config += fmt.Sprintf("  - {targets: [%q], labels: {__metrics_path__: /%d, instance: 'host%d:9100'}}\n", strings.TrimPrefix(exporters.URL, "http://"), i, i)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "/-/ready", prometheus, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"))
	testkit.Await(t, "two scrapes of each sensor, so that counters have a rate", func() bool {
		got := s.query(t, `count(increase(tstat_send_rows_total[1m]) > 0)`)
		return len(got) == 1 && got[0] == fmt.Sprint(sensors)
	})
	return s
}

// query returns the values of the series of an expression.
func (s *server) query(t *testing.T, expression string) (values []string) {
	t.Helper()
	response, err := http.Get(s.url + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value []any } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		t.Errorf("%s: %s", expression, answer.Error)
	}
	for _, series := range answer.Data.Result {
		values = append(values, fmt.Sprint(series.Value[1]))
	}
	return values
}

type panel struct {
	Type, Title, Repeat string
	Targets             []struct{ RefID, Expr string }
	Panels              []panel // of a row
}

// panels returns the dashboard's panels about all sensors, and the panels of the row that
// Grafana repeats for each sensor.
func panels(t *testing.T) (all, row []panel) {
	text, err := os.ReadFile("../grafana/tstat_send.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []panel }
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&d); err != nil {
		t.Fatal(err)
	}
	rows := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Type == "row" && p.Repeat == "sensor" })
	if rows != len(d.Panels)-1 || rows < 8 || len(d.Panels[rows].Panels) < 8 {
		t.Fatalf("the dashboard has %d panels; the row of the sensors is at %d", len(d.Panels), rows)
	}
	return d.Panels[:rows], d.Panels[rows].Panels
}

// With forty sensors, each query of the dashboard returns as many series as its panel shows.
func TestDashboardOfFortySensors(t *testing.T) {
	s := fleet(t)
	all, row := panels(t)
	// Lines of each table, and the queries that have fewer series than their table has lines.
	lines := map[string]int{"Sensors": sensors, "tstat_cull": 2 * sensors, "Versions": 2}
	fewer := map[string]int{
		"Sensors B": sensors - 1, // last success: one sensor has none
		"Sensors E": sensors / 2, // oldest unsent directory
	}
	numbers := map[string]string{ // values of the panels with one value
		"Sensors": "40", "Without success for two hours": "2", "Without a new directory for three hours": "0",
		"Backlog": "20000", "Disks that are short": "20",
	}
	seen := 0
	for _, p := range all {
		for _, target := range p.Targets {
			got := s.query(t, strings.NewReplacer(`"$job"`, `"(node)"`, "$__range", "24h").Replace(target.Expr))
			want := 1
			if p.Type == "table" {
				want = lines[p.Title]
				if n, ok := fewer[p.Title+" "+target.RefID]; ok {
					want = n
				}
			}
			if len(got) != want {
				t.Errorf("%s %q %s: %d series, want %d: %s", p.Type, p.Title, target.RefID, len(got), want, target.Expr)
			}
			if number, ok := numbers[p.Title]; ok && p.Type == "stat" {
				seen++
				if got[0] != number {
					t.Errorf("%s is %s, want %s: %s", p.Title, got[0], number, target.Expr)
				}
			}
		}
	}
	if seen != len(numbers) {
		t.Errorf("%d of the panels with one value were found, want %d", seen, len(numbers))
	}
	several := map[string]int{"Backlog": 2, "Time in each stage": 6} // series of a query in the row
	for _, p := range row {
		for _, target := range p.Targets {
			got := s.query(t, strings.NewReplacer(`"$job"`, `"(node)"`, `"$sensor"`, `"sensor4"`).Replace(target.Expr))
			if want := max(1, several[p.Title]); len(got) != want {
				t.Errorf("row: %q %s: %d series, want %d: %s", p.Title, target.RefID, len(got), want, target.Expr)
			}
		}
	}
}
