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
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are metrics by name.
type families map[string]*dto.MetricFamily

// metricSet collects the samples of a metrics file. Labels are given as pairs
// of name and value.
type metricSet struct {
	prefix      string   // before the name of every metric
	constant    []string // labels of every sample that is added
	before, now families // the file's last run, and this one
}

// writeMetrics replaces a metrics file by the samples that collect adds. A file
// that cannot be read is replaced as well, with an error.
func writeMetrics(path, prefix string, collect func(*metricSet)) error {
	before, readErr := readMetrics(path)
	if readErr != nil {
		readErr = fmt.Errorf("the counters start anew: %w", readErr)
	}
	s := &metricSet{prefix: prefix, before: before, now: make(families)}
	collect(s)
	err := writeFileAtomic(path, 0o644, func(w io.Writer) error {
		for _, name := range slices.Sorted(maps.Keys(s.now)) {
			if _, err := expfmt.MetricFamilyToText(w, s.now[name]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(readErr, err)
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

// with returns a set that adds to the same file, and all of whose samples carry
// these labels too.
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

// last returns the sample of the file's last run; nil if there is none.
func (s *metricSet) last(name string, labels ...string) *dto.Metric {
	pairs := s.pairs(labels)
	for _, m := range s.before[s.prefix+name].GetMetric() {
		if slices.EqualFunc(m.GetLabel(), pairs, sameLabels) {
			return m
		}
	}
	return nil
}

// add adds a sample without a value.
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

// keep takes a gauge over as the last run left it.
func (s *metricSet) keep(name string) {
	if m := s.last(name); m != nil {
		s.gauge(name, s.before[s.prefix+name].GetHelp(), m.GetGauge().GetValue())
	}
}

// runOutcome is what the metrics of every run have in common.
type runOutcome struct {
	tool, version  string
	status         int
	started, ended time.Time
	events         *Events
}

func (s *metricSet) run(r runOutcome) {
	errs, warnings := r.events.lists()
	s.count("errors", "Errors logged.", float64(errs.Count))
	s.count("warnings", "Warnings logged.", float64(warnings.Count))
	s.runs(r.status)
	ended := float64(r.ended.UnixMilli()) / 1000
	s.gauge("status", "Exit status of the last run.", float64(r.status))
	s.gauge("seconds", "Time that the last run took.", r.ended.Sub(r.started).Seconds())
	s.gauge("last_run_timestamp_seconds", "When the last run ended.", ended)
	const success, successHelp = "last_success_timestamp_seconds", "When the last run with exit status 0 ended."
	if r.status == 0 {
		s.gauge(success, successHelp, ended)
	} else {
		s.keep(success)
	}
	s.gauge("build_info", "Version of "+r.tool+".", 1, "version", r.version)
}

// runs counts the run by its exit status, and keeps the counts of the other
// statuses.
func (s *metricSet) runs(status int) {
	const name, help = "runs", "Runs by exit status."
	statuses := []string{strconv.Itoa(status)}
	for _, m := range s.before[s.prefix+name+"_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "status" && s.last(name+"_total", "status", l.GetValue()) == m {
				statuses = append(statuses, l.GetValue())
			}
		}
	}
	slices.Sort(statuses)
	for _, other := range slices.Compact(statuses) {
		n := 0.0
		if other == strconv.Itoa(status) {
			n = 1
		}
		s.count(name, help, n, "status", other)
	}
}
