package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are metrics by name.
type families map[string]*dto.MetricFamily

// metricSet collects the samples of a metrics file. Labels are given as pairs
// of name and value.
type metricSet struct {
	prefix      string   // begins the name of every metric
	constant    []string // labels of every sample that is added
	before, now families // the content of the file before this run, and the new content
}

// A MetricsFile is a file for the textfile collector of Prometheus's node_exporter. Its
// counters cover all runs: they continue from the values in the file at OpenMetrics.
type MetricsFile struct {
	path   string
	before families
}

// OpenMetrics reads the file at path, which need not exist. If the file cannot be read,
// OpenMetrics returns an error, and a MetricsFile whose counters start at 0.
func OpenMetrics(path string) (*MetricsFile, error) {
	before, err := readMetrics(path)
	if err != nil {
		err = fmt.Errorf("the counters start at 0: %w", err)
	}
	return &MetricsFile{path, before}, err
}

// write replaces the file by the samples that collect adds.
func (f *MetricsFile) write(prefix string, collect func(*metricSet)) error {
	s := &metricSet{prefix: prefix, before: f.before, now: make(families)}
	collect(s)
	return writeFileAtomic(f.path, 0o644, func(w io.Writer) error {
		for _, name := range slices.Sorted(maps.Keys(s.now)) {
			if _, err := expfmt.MetricFamilyToText(w, s.now[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

func readMetrics(path string) (families, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	known, err := parser.TextToMetricFamilies(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return known, nil
}

// with returns a set that adds to the same file. It adds these labels to its samples.
func (s *metricSet) with(labels ...string) *metricSet {
	labelled := *s
	labelled.constant = slices.Concat(s.constant, labels)
	return &labelled
}

// pairs returns the labels of a sample, sorted by name.
func (s *metricSet) pairs(labels []string) (pairs []*dto.LabelPair) {
	for l := range slices.Chunk(slices.Concat(s.constant, labels), 2) {
		pairs = append(pairs, &dto.LabelPair{Name: &l[0], Value: &l[1]})
	}
	slices.SortFunc(pairs, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return pairs
}

func sameLabels(a, b *dto.LabelPair) bool {
	return a.GetName() == b.GetName() && a.GetValue() == b.GetValue()
}

// last returns the sample that the file had before this run; nil if it had none.
func (s *metricSet) last(name string, labels ...string) *dto.Metric {
	pairs := s.pairs(labels)
	for _, m := range s.before[s.prefix+name].GetMetric() {
		if slices.EqualFunc(m.GetLabel(), pairs, sameLabels) {
			return m
		}
	}
	return nil
}

// add adds a sample, whose value the caller sets.
func (s *metricSet) add(name, help string, kind dto.MetricType, labels []string) *dto.Metric {
	name = s.prefix + name
	f := s.now[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		s.now[name] = f
	}
	m := &dto.Metric{Label: s.pairs(labels)}
	f.Metric = append(f.Metric, m)
	return m
}

func (s *metricSet) gauge(name, help string, value float64, labels ...string) {
	s.add(name, help, dto.MetricType_GAUGE, labels).Gauge = &dto.Gauge{Value: &value}
}

// count adds n to a counter.
func (s *metricSet) count(name, help string, n float64, labels ...string) {
	name += "_total"
	n += s.last(name, labels...).GetCounter().GetValue()
	s.add(name, help, dto.MetricType_COUNTER, labels).Counter = &dto.Counter{Value: &n}
}

// keep adds a gauge with the value that it had before this run, if it had one.
func (s *metricSet) keep(name string) {
	if m := s.last(name); m != nil {
		s.gauge(name, s.before[s.prefix+name].GetHelp(), m.GetGauge().GetValue())
	}
}

// ended adds the metrics that both programs write at the end of a run.
func (s *metricSet) ended(tool string, r *RunInfo) {
	s.runs(strconv.Itoa(r.Status))
	ended := unixSeconds(r.Ended)
	s.gauge("status", "Exit status of the last run.", float64(r.Status))
	s.gauge("seconds", "Time that the last run took.", r.seconds())
	s.gauge("last_run_timestamp_seconds", "When the last run ended.", ended)
	const success, successHelp = "last_success_timestamp_seconds", "When the last run with exit status 0 ended."
	if r.Status == 0 {
		s.gauge(success, successHelp, ended)
	} else {
		s.keep(success)
	}
	s.common(tool, r)
}

// running is like ended, for a run that has not ended. The metrics that describe the end
// of a run keep the values of the last run.
func (s *metricSet) running(tool string, r *RunInfo) {
	s.runs("")
	for _, name := range []string{"status", "seconds", "last_run_timestamp_seconds", "last_success_timestamp_seconds"} {
		s.keep(name)
	}
	s.common(tool, r)
}

func (s *metricSet) common(tool string, r *RunInfo) {
	errs, warnings := r.Events.lists()
	s.count("errors", "Errors logged.", float64(errs.Count))
	s.count("warnings", "Warnings logged.", float64(warnings.Count))
	s.gauge("build_info", "Version of "+tool+".", 1, "version", r.Version)
}

// runs counts runs by exit status. It adds a run that ended with status, or none if
// status is empty, and keeps the counts of the other statuses.
func (s *metricSet) runs(status string) {
	counts := make(map[string]float64) // what this run adds, by status
	for _, m := range s.before[s.prefix+"runs_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "status" && s.last("runs_total", "status", l.GetValue()) == m { // not of another root or sensor
				counts[l.GetValue()] = 0
			}
		}
	}
	if status != "" {
		counts[status] = 1
	}
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		s.count("runs", "Runs by exit status.", counts[status], "status", status)
	}
}
