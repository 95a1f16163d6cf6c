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
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// prefix is before the name of every metric.
const prefix = "tstat_send_"

// perRun are the quantities that are not summed up over runs: a directory that
// stays is found again by each.
var perRun = map[string]bool{"found": true}

// WriteMetrics writes the metrics of the run to a file for the textfile
// collector of Prometheus's node_exporter. Counters go on from those of the
// file's last run, and so does what this run could not find out. A file that
// cannot be read is replaced; the error tells of it, and of writing.
func (r *Run) WriteMetrics(path string) error {
	before, readErr := readMetrics(path)
	if readErr != nil {
		readErr = fmt.Errorf("the counters start anew: %w", readErr)
	}
	err := replace(path, 0o644, func(w io.Writer) error {
		for _, f := range r.metrics(before) {
			if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(readErr, err)
}

// families are metrics by name.
type families map[string]*dto.MetricFamily

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

// find returns the metric with a value of its one label; nil if there is none.
func (f families) find(name, label string) *dto.Metric {
	for _, m := range f[name].GetMetric() {
		if len(m.GetLabel()) == 0 && label == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
			return m
		}
	}
	return nil
}

// metrics are the metrics of the run by name, going on from those before.
func (r *Run) metrics(before families) []*dto.MetricFamily {
	s := &sheet{before: before, now: make(families)}
	for _, q := range r.quantities() {
		if perRun[q.name] {
			s.gauge(q.name, q.help, float64(q.value))
		} else {
			s.count(q.name, q.help, "", "", float64(q.value))
		}
	}
	for stage, seconds := range r.Counters.stageSeconds() {
		s.count("stage_seconds", "Time spent in a stage, summed over all that work side by side.", "stage", Stage(stage).String(), seconds)
	}
	errs, warnings := r.Events.lists()
	s.count("errors", "Errors logged.", "", "", float64(errs.Count))
	s.count("warnings", "Warnings logged.", "", "", float64(warnings.Count))
	s.runs(r.Status)
	s.latency(&r.Delivery.Latency)

	ended := float64(r.Ended.UnixMilli()) / 1000
	s.gauge("status", "Exit status of the last run.", float64(r.Status))
	s.gauge("seconds", "Time that the last run took.", r.seconds())
	s.gauge("last_run_timestamp_seconds", "When the last run ended.", ended)
	const success, successHelp = "last_success_timestamp_seconds", "When the last run with exit status 0 ended."
	if r.Status == 0 {
		s.gauge(success, successHelp, ended)
	} else {
		s.keep(success)
	}
	r.unsent(s)
	s.labelled("build_info", "Version of tstat_send.", dto.MetricType_GAUGE, "version", r.Version).Gauge = &dto.Gauge{Value: new(1.0)}

	return slices.SortedFunc(maps.Values(s.now), func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
}

// unsent are the metrics of what is left to send.
func (r *Run) unsent(s *sheet) {
	const oldest = "oldest_unsent_timestamp_seconds"
	left, known := r.Counters.Unsent.Left()
	if !known {
		for _, name := range []string{"unsent", "backlog_bytes", "oldest_unsent_age_seconds", oldest} {
			s.keep(name)
		}
		return
	}
	s.gauge("unsent", "Directories that have something to send.", float64(left.Directories))
	s.gauge("backlog_bytes", "Uncompressed bytes of logs that are not sent.", float64(left.Bytes))
	age := 0.0
	if left.Oldest != nil {
		age = r.age(left.Oldest)
		s.gauge(oldest, "When the oldest directory that has something to send was started; absent if there is none.", float64(left.Oldest.Since.Unix()))
	}
	s.gauge("oldest_unsent_age_seconds", "Age of the oldest directory that has something to send, when the last run ended; 0 if there is none.", age)
}

// sheet gathers metrics.
type sheet struct {
	before, now families
}

// labelled adds a metric; without a label its value is empty.
func (s *sheet) labelled(name, help string, kind dto.MetricType, label, value string) *dto.Metric {
	name = prefix + name
	f := s.now[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
		s.now[name] = f
	}
	m := new(dto.Metric)
	if label != "" {
		m.Label = []*dto.LabelPair{{Name: &label, Value: &value}}
	}
	f.Metric = append(f.Metric, m)
	return m
}

func (s *sheet) gauge(name, help string, value float64) {
	s.labelled(name, help, dto.MetricType_GAUGE, "", "").Gauge = &dto.Gauge{Value: &value}
}

// keep takes a metric over as the run before left it.
func (s *sheet) keep(name string) {
	if f := s.before[prefix+name]; f != nil {
		s.now[prefix+name] = f
	}
}

// count adds to a counter.
func (s *sheet) count(name, help, label, value string, n float64) {
	name += "_total"
	n += s.before.find(prefix+name, value).GetCounter().GetValue()
	s.labelled(name, help, dto.MetricType_COUNTER, label, value).Counter = &dto.Counter{Value: &n}
}

// runs counts the run by its exit status, and keeps the counts of the others.
func (s *sheet) runs(status int) {
	const name, help = "runs", "Runs by exit status."
	this := strconv.Itoa(status)
	others := s.before[prefix+name+"_total"].GetMetric()
	for _, m := range others {
		if l := m.GetLabel(); len(l) == 1 && l[0].GetValue() != this {
			s.count(name, help, "status", l[0].GetValue(), 0)
		}
	}
	s.count(name, help, "status", this, 1)
	slices.SortFunc(s.now[prefix+name+"_total"].Metric, func(a, b *dto.Metric) int {
		return strings.Compare(a.GetLabel()[0].GetValue(), b.GetLabel()[0].GetValue())
	})
}

// latency is a histogram of confirmations.
func (s *sheet) latency(l *Latency) {
	const name = "confirm_latency_seconds"
	was := s.before.find(prefix+name, "").GetHistogram()
	count, sum := was.GetSampleCount()+l.Count, was.GetSampleSum()+l.Sum.Seconds()
	earlier := make(map[float64]uint64)
	for _, b := range was.GetBucket() {
		earlier[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	h := &dto.Histogram{SampleCount: &count, SampleSum: &sum}
	var below uint64
	for i := range latencyLimits {
		if i < len(l.Buckets) {
			below += l.Buckets[i]
		}
		limit := bucketLimit(i)
		n := below + earlier[limit]
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: &limit, CumulativeCount: &n})
	}
	s.labelled(name, "Time from publishing a message to its confirmation.", dto.MetricType_HISTOGRAM, "", "").Histogram = h
}

// latencyLimits is how many buckets of Latency have a limit: the last of them
// is 32.768 s.
const latencyLimits = 16
