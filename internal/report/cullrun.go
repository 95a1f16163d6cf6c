package report

import (
	"time"

	"tstat-transport/internal/cli"
)

// CullRun is the data of a run of tstat_cull when it has ended.
type CullRun struct {
	Version        string
	Started, Ended time.Time
	Status         int  // the exit status
	Interrupted    bool // a signal stopped the run
	DryRun         bool
	TTL            time.Duration
	MinFree        string // as the user wrote it; empty if not given
	Roots          []CullRoot
	Events         *Events
}

// CullCounts are numbers of directories; see cull.Counts.
type CullCounts struct {
	Found       int   `json:"found"`
	Directories int   `json:"directories"`
	Bytes       int64 `json:"bytes"`
	Unmarked    int   `json:"unmarked"`
	Changed     int   `json:"changed"`
	Kept        int   `json:"kept"`
	Locked      int   `json:"locked"`
	Failed      int   `json:"failed"`
}

// CullRoot is a root of a run of tstat_cull, and the result of the run there.
type CullRoot struct {
	Path string `json:"path"`
	CullCounts
	Unreadable   bool  `json:"unreadable"`
	LackingBytes int64 `json:"lacking_bytes"`
}

// cullAccount is the JSON of a CullRun; docs/cull-report.schema.json describes it.
type cullAccount struct {
	Tool        string     `json:"tool"`
	Version     string     `json:"version"`
	Started     time.Time  `json:"started"`
	Ended       time.Time  `json:"ended"`
	Seconds     float64    `json:"seconds"`
	Status      int        `json:"status"`
	Interrupted bool       `json:"interrupted"`
	DryRun      bool       `json:"dry_run"`
	TTLHours    float64    `json:"ttl_hours"`
	MinFree     string     `json:"min_free"`
	Roots       []CullRoot `json:"roots"`
	Errors      eventList  `json:"errors"`
	Warnings    eventList  `json:"warnings"`
}

// WriteAccount writes the account of the run to a file, as JSON.
func (r *CullRun) WriteAccount(path string) error {
	a := cullAccount{
		Tool: "tstat_cull", Version: r.Version, Started: r.Started, Ended: r.Ended, Seconds: cli.Seconds(r.Ended.Sub(r.Started)),
		Status: r.Status, Interrupted: r.Interrupted, DryRun: r.DryRun, TTLHours: r.TTL.Hours(), MinFree: r.MinFree, Roots: r.Roots,
	}
	a.Errors, a.Warnings = r.Events.lists()
	return writeJSON(path, a)
}

// WriteMetrics writes the metrics of the run to a file for the textfile
// collector of Prometheus's node_exporter. Every sample has the label root, so that the
// files of two lines of a crontab have no series in common. Counters continue from the
// values in the file. A dry run does not add to the counters of deleted directories. If
// the file cannot be read, WriteMetrics replaces it and returns an error that says so.
func (r *CullRun) WriteMetrics(path string) error {
	return writeMetrics(path, "tstat_cull_", func(s *metricSet) {
		for _, root := range r.Roots {
			r.metrics(s.with("root", root.Path), root)
		}
	})
}

func (r *CullRun) metrics(s *metricSet, root CullRoot) {
	deleted := root.CullCounts
	if r.DryRun {
		deleted = CullCounts{}
	}
	s.count("directories", "Directories deleted.", float64(deleted.Directories))
	s.count("bytes", "Sizes of the files in deleted directories.", float64(deleted.Bytes))
	s.gauge("found", "Directories of logs found below the root.", float64(root.Found))
	s.gauge("unmarked", "Directories without a whole mark: not sent, or not wholly.", float64(root.Unmarked))
	s.gauge("changed", "Directories that are due, but hold rows that came after the mark.", float64(root.Changed))
	s.gauge("kept", "Directories that are due, but kept for another reason.", float64(root.Kept))
	s.gauge("locked", "Directories left to a run that worked on them.", float64(root.Locked))
	s.gauge("failed", "Directories that could not be examined, or not be deleted as a whole.", float64(root.Failed))
	s.gauge("lacking_bytes", "Bytes that --min-free still lacked on the disk of the root when the last run ended.", float64(root.LackingBytes))
	unreadable := 0.0
	if root.Unreadable {
		unreadable = 1
	}
	s.gauge("unreadable", "1 if the root does not exist or could not be read.", unreadable)
	s.run(runOutcome{tool: "tstat_cull", version: r.Version, status: r.Status, started: r.Started, ended: r.Ended, events: r.Events})
}
