package report

import (
	dto "github.com/prometheus/client_model/go"
)

// prefix is before the name of every metric of tstat_send.
const prefix = "tstat_send_"

// perRun are the quantities that are not summed up over runs: a directory that
// stays is found again by each.
var perRun = map[string]bool{"found": true}

// WriteMetrics writes the metrics of the run to a file for the textfile
// collector of Prometheus's node_exporter. Counters go on from those of the
// file's last run, and so does what this run could not find out. A file that
// cannot be read is replaced; the error says so, or why writing failed.
func (r *Run) WriteMetrics(path string) error {
	return writeMetrics(path, prefix, r.metrics)
}

// metrics adds the metrics of the run.
func (r *Run) metrics(s *metricSet) {
	for _, q := range r.quantities() {
		if perRun[q.name] {
			s.gauge(q.name, q.help, float64(q.value))
		} else {
			s.count(q.name, q.help, float64(q.value))
		}
	}
	for stage, seconds := range r.Counters.stageSeconds() {
		s.count("stage_seconds", "Time spent in a stage, summed over all that work side by side.", seconds, "stage", Stage(stage).String())
	}
	s.run(runOutcome{tool: "tstat_send", version: r.Version, status: r.Status, started: r.Started, ended: r.Ended, events: r.Events})
	s.latency(&r.Delivery.Latency)
	r.unsent(s)
}

// unsent are the metrics of what is left to send.
func (r *Run) unsent(s *metricSet) {
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

// latency is a histogram of confirmations.
func (s *metricSet) latency(l *Latency) {
	const name = "confirm_latency_seconds"
	was := s.last(name).GetHistogram()
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
	s.add(name, "Time from publishing a message to its confirmation.", dto.MetricType_HISTOGRAM, nil).Histogram = h
}

// latencyLimits is how many buckets of Latency have a limit: the last of them
// is 32.768 s.
const latencyLimits = 16
