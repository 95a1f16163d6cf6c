package report

import (
	"strconv"
	"time"

	"tstat-transport/internal/delivery"
)

// Run is a run of tstat_send.
type Run struct {
	RunInfo
	Sensor   string
	Roots    []Root
	Settings Settings
	Counters *Counters
	Delivery delivery.Stats
}

// Root is a root of a run, and the instance id of its flows.
type Root struct {
	Path     string `json:"path"`
	Instance string `json:"instance"`
}

// Settings are the settings that a report shows.
type Settings struct {
	Transport      string `json:"transport"` // none with --no-transport
	Config         string `json:"config"`
	ThresholdBytes uint64 `json:"threshold_bytes"`
	Single         bool   `json:"single"`
	Resend         string `json:"resend"` // SINCE/UNTIL with --resend
	Workers        int    `json:"workers"`
	Connections    int    `json:"connections"`
	Channels       int    `json:"channels"`
	Window         int    `json:"window"`
	Timestamps     string `json:"timestamps"`
	UDPDuration    string `json:"udp_duration"`
	MaxRate        int64  `json:"max_rate"` // bytes a second, 0 without limit
	Rejects        string `json:"rejects"`
	Metrics        string `json:"metrics"`
}

// runReport is the report of a Run; docs/report.schema.json describes it.
type runReport struct {
	reportHead
	Sensor   string        `json:"sensor"`
	Roots    []Root        `json:"roots"`
	Settings Settings      `json:"settings"`
	Counts   counts        `json:"counts"`
	Unsent   *unsentReport `json:"unsent"` // null if the crawl did not end
	Latency  latencyReport `json:"confirm_latency"`
	Stages   stageSeconds  `json:"stage_seconds"`
	reportTail
}

type unsentReport struct {
	Directories      int               `json:"directories"`
	BacklogBytes     int64             `json:"backlog_bytes"`
	Failed           int               `json:"failed"`
	Locked           int               `json:"locked"`
	Oldest           *string           `json:"oldest"`
	OldestAgeSeconds float64           `json:"oldest_age_seconds"`
	First            []UnsentDirectory `json:"first"`
}

type latencyReport struct {
	Count   uint64          `json:"count"`
	Mean    float64         `json:"mean_seconds"`
	Max     float64         `json:"max_seconds"`
	Buckets []latencyBucket `json:"buckets"`
}

// latencyBucket counts the confirmations that took less than Seconds, and at least the
// Seconds of the bucket before. The last bucket has no limit: its Seconds is null.
type latencyBucket struct {
	Seconds *float64 `json:"below_seconds"`
	Count   uint64   `json:"count"`
}

// maxUnsent is how many unsent directories a report names.
const maxUnsent = 100

// WriteReport writes the report of the run to a file, as JSON.
func (r *Run) WriteReport(path string) error { return writeJSON(path, r.report()) }

func (r *Run) report() runReport {
	report := runReport{
		reportHead: r.head("tstat_send"),
		Sensor:     r.Sensor, Roots: r.Roots, Settings: r.Settings, Counts: r.quantities(),
		Latency: newLatencyReport(&r.Delivery.Latency), Stages: r.Counters.stageSeconds(),
		reportTail: r.tail(),
	}
	if backlog, complete := r.Counters.Unsent.Backlog(); complete {
		report.Unsent = &unsentReport{
			Directories: backlog.Directories, BacklogBytes: backlog.Bytes, Failed: backlog.Failed, Locked: backlog.Locked,
			First: r.Counters.Unsent.First(maxUnsent),
		}
		if backlog.Oldest != nil {
			report.Unsent.Oldest = &backlog.Oldest.Directory
			report.Unsent.OldestAgeSeconds = max(0, r.Ended.Sub(backlog.Oldest.Since).Seconds())
		}
	}
	return report
}

func newLatencyReport(l *delivery.Latency) latencyReport {
	report := latencyReport{Count: l.Count, Max: l.Max.Seconds(), Buckets: []latencyBucket{}}
	if l.Count > 0 {
		report.Mean = l.Sum.Seconds() / float64(l.Count)
	}
	for i, n := range l.Buckets {
		b := latencyBucket{Count: n}
		if i < len(l.Buckets)-1 {
			b.Seconds = new(delivery.BucketLimit(i).Seconds())
		}
		report.Buckets = append(report.Buckets, b)
	}
	return report
}

// counts and stageSeconds become JSON objects whose keys are in the order of the elements.
type (
	counts       []quantity
	stageSeconds [stages]float64
)

func (c *Counters) stageSeconds() (s stageSeconds) {
	for i := range s {
		s[i] = time.Duration(c.spent[i].Load()).Seconds()
	}
	return s
}

// MarshalJSON implements json.Marshaler.
func (c counts) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, q := range c {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, q.name)
		b = strconv.AppendInt(append(b, ':'), q.value, 10)
	}
	return append(b, '}'), nil
}

// MarshalJSON implements json.Marshaler.
func (s stageSeconds) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, seconds := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, Stage(i).String())
		b = strconv.AppendFloat(append(b, ':'), seconds, 'f', 6, 64)
	}
	return append(b, '}'), nil
}
