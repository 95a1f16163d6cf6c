package prometheus

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Three lines of a crontab write their metrics into one directory. node_exporter serves each
// sample of each file, and logs no error.
func TestMetricsOfSeveralRuns(t *testing.T) {
	exporter := tool(t, "prometheus-node-exporter")
	bin, dir := t.TempDir(), t.TempDir()
	run(t, "go", "build", "-o", bin+"/", "../../cmd/...")
	config := filepath.Join(t.TempDir(), "config.ini")
	if err := os.WriteFile(config, []byte("[file]\npath = "+t.TempDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := []string{t.TempDir(), t.TempDir()}
	for i, logs := range []string{"rotation", "hostile_names"} {
		if err := os.CopyFS(filepath.Join(roots[i], "2026"), os.DirFS("../../testdata/corpus/"+logs)); err != nil {
			t.Fatal(err)
		}
	}
	send := func(root, metrics string) {
		t.Helper()
		run(t, filepath.Join(bin, "tstat_send"), "-d", root, "-c", config, "-t", "file", "-S", "sensor1", "--metrics", filepath.Join(dir, metrics))
	}
	send(roots[0], "tstat_send_0.prom")
	send(roots[1], "tstat_send_1.prom")
	send(roots[1], "tstat_send_1.prom")
	// A link, as docs/monitoring.md suggests for the systemd services.
	culled := filepath.Join(t.TempDir(), "tstat_cull.prom")
	run(t, filepath.Join(bin, "tstat_cull"), "-d", roots[0], "-d", roots[1], "--metrics", culled)
	if err := os.Symlink(culled, filepath.Join(dir, "tstat_cull.prom")); err != nil {
		t.Fatal(err)
	}

	s := serve(t, "/metrics", exporter, "--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory="+dir)
	response, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	served := samples(t, response.Body)
	if got := served["node_textfile_scrape_error{}"]; got != "gauge:{value:0}" {
		t.Errorf("scrape error: %q", got)
	}

	files, err := filepath.Glob(filepath.Join(dir, "*.prom"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %q: %v", files, err)
	}
	total := 0
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		written := samples(t, file)
		if len(written) < 10 {
			t.Errorf("%s holds %d samples", path, len(written))
		}
		for name, value := range written {
			total++
			if served[name] != value {
				t.Errorf("%s: %s is %q, and %q as node_exporter serves it", filepath.Base(path), name, value, served[name])
			}
		}
	}
	got := 0
	for name := range served {
		if strings.HasPrefix(name, "tstat_") {
			got++
		}
	}
	if got != total {
		t.Errorf("%d samples are served, %d were written: files collide", got, total)
	}
	if text := s.stop(); strings.Contains(strings.ToLower(text), "level=error") || !strings.Contains(text, "Listening on") {
		t.Errorf("node_exporter logs\n%s", text)
	}
}

// samples returns the values of the samples of a text, by name{labels}.
func samples(t *testing.T, text io.Reader) map[string]string {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			// Without the labels. Protobuf prints one or two spaces between fields, at random.
			value := &dto.Metric{Gauge: m.Gauge, Counter: m.Counter, Histogram: m.Histogram}
			values[name+"{"+strings.Join(labels, ",")+"}"] = strings.Join(strings.Fields(value.String()), " ")
		}
	}
	return values
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}
