package report

import (
	"path/filepath"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tstat-transport/internal/delivery"
)

// sendPrefix begins the name of every metric of tstat_send.
const sendPrefix = "tstat_send_"

// WriteMetrics writes the metrics of a run that has ended.
func (r *Run) WriteMetrics(f *MetricsFile) error {
	return r.write(f, r.Ended, func(s *metricSet) {
		s.ended("tstat_send", &r.RunInfo)
	})
}

// WriteInterimMetrics writes the metrics of a run that has not ended.
func (r *Run) WriteInterimMetrics(f *MetricsFile, now time.Time) error {
	return r.write(f, now, func(s *metricSet) {
		s.gauge("heartbeat_timestamp_seconds", "When a run last wrote these metrics before its end; absent between runs.", unixSeconds(now))
		s.running("tstat_send", &r.RunInfo)
	})
}

// write writes the metrics of each root, the metrics of the whole run, and the metrics
// that addState adds. Each sample is labelled with the sensor, and with its root or all
// roots of the run, so that the files of two runs with different sensors, or without a
// common root, have no series in common.
func (r *Run) write(f *MetricsFile, now time.Time, addState func(*metricSet)) error {
	return f.write(sendPrefix, func(s *metricSet) {
		roots := make([]string, len(r.Roots))
		for i, root := range r.Roots {
			roots[i] = rootLabel(root.Path)
			r.rootMetrics(s.with("sensor", r.Sensor, "root", roots[i], "instance_id", root.Instance), root, now)
		}
		s = s.with("sensor", r.Sensor, "root", strings.Join(roots, ","))
		r.runMetrics(s, now)
		addState(s)
	})
}

// runMetrics adds the counters of the run.
func (r *Run) runMetrics(s *metricSet, now time.Time) {
	for _, q := range r.quantities() {
		if q.name != "found" { // rootMetrics adds it for each root
			s.count(q.name, q.help, float64(q.value))
		}
	}
	for stage, spent := range r.Counters.stageSeconds() {
		s.count("stage_seconds", "Time spent in a stage, summed over all goroutines of the stage.", spent, "stage", Stage(stage).String())
	}
	s.latency(&r.Delivery.Latency)
	if r.Counters.Rows.Load() > 0 {
		s.gauge("last_row_timestamp_seconds", "When these metrics were last written by a run that had read rows.", unixSeconds(now))
	} else {
		s.keep("last_row_timestamp_seconds")
	}
}

// rootLabel returns the absolute path of a root. Runs with relative paths in different
// directories then differ, and both programs label the same root alike.
func rootLabel(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return strings.ToValidUTF8(path, "\ufffd") // node_exporter refuses a file that is not UTF-8
}

// unixSeconds returns a time in seconds since the epoch, as Prometheus represents it.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// rootMetrics adds the state of one root. A metric whose value this run does not know yet
// keeps the value of the last run.
func (r *Run) rootMetrics(s *metricSet, root Root, now time.Time) {
	const newest = "newest_directory_timestamp_seconds"
	crawled, known := r.Counters.root(root.Path)
	if known {
		s.gauge("found", "Directories of logs found below the root.", float64(crawled.found))
		if !crawled.newest.IsZero() {
			s.gauge(newest, "When Tstat started the newest directory below the root; absent if there is none, or if that is unknown.", unixSeconds(crawled.newest))
		}
	} else {
		s.keep("found")
		s.keep(newest)
	}
	const oldest = "oldest_unsent_timestamp_seconds"
	backlog, complete := r.Counters.Unsent.BacklogBelow(root.Path)
	if !known || !complete {
		for _, name := range []string{"unsent", "backlog_bytes", "failed_directories", "oldest_unsent_age_seconds", oldest} {
			s.keep(name)
		}
		return
	}
	s.gauge("unsent", "Directories that have something to send.", float64(backlog.Directories))
	s.gauge("backlog_bytes", "Uncompressed bytes of logs that are not sent.", float64(backlog.Bytes))
	s.gauge("failed_directories", "Directories that could not be read, sent or marked, of those that have something to send.", float64(backlog.Failed))
	age := 0.0
	if backlog.Oldest != nil {
		age = max(0, now.Sub(backlog.Oldest.Since).Seconds())
		s.gauge(oldest, "When Tstat started the oldest directory that has something to send, of those with a known start; absent if there is none.", float64(backlog.Oldest.Since.Unix()))
	}
	s.gauge("oldest_unsent_age_seconds", "Age of the oldest directory that has something to send, of those with a known start, when these metrics were written; 0 if there is none.", age)
}

// latency adds the histogram of confirmation times.
func (s *metricSet) latency(l *delivery.Latency) {
	const name = "confirm_latency_seconds"
	was := s.last(name).GetHistogram()
	count, sum := was.GetSampleCount()+l.Count, was.GetSampleSum()+l.Sum.Seconds()
	earlier := make(map[float64]uint64)
	for _, b := range was.GetBucket() {
		earlier[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	h := &dto.Histogram{SampleCount: &count, SampleSum: &sum}
	var below uint64
	for i := range delivery.Buckets - 1 {
		if i < len(l.Buckets) {
			below += l.Buckets[i]
		}
		limit := delivery.BucketLimit(i).Seconds()
		n := below + earlier[limit]
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: &limit, CumulativeCount: &n})
	}
	s.add(name, "Time from publishing a message to its confirmation.", dto.MetricType_HISTOGRAM, nil).Histogram = h
}
