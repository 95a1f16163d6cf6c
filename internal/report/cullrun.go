package report

import "time"

// CullRun is a run of tstat_cull that has ended.
type CullRun struct {
	RunInfo
	DryRun  bool
	TTL     time.Duration
	MinFree string // as the user wrote it; empty if not given
	Roots   []CullRoot
}

// CullCounts has the fields of cull.Counts, with their names in a report.
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

// cullReport is the report of a CullRun; docs/cull-report.schema.json describes it.
type cullReport struct {
	reportHead
	DryRun   bool       `json:"dry_run"`
	TTLHours float64    `json:"ttl_hours"`
	MinFree  string     `json:"min_free"`
	Roots    []CullRoot `json:"roots"`
	reportTail
}

// WriteReport writes the report of the run to a file, as JSON.
func (r *CullRun) WriteReport(path string) error {
	return writeJSON(path, cullReport{
		reportHead: r.head("tstat_cull"),
		DryRun:     r.DryRun, TTLHours: r.TTL.Hours(), MinFree: r.MinFree, Roots: r.Roots,
		reportTail: r.tail(),
	})
}

// WriteMetrics writes the metrics of the run. Every sample has the label root, so that the
// files of two runs without a common root have no series in common. A dry run does not add
// to the counters of deleted directories.
func (r *CullRun) WriteMetrics(f *MetricsFile) error {
	return f.write("tstat_cull_", func(s *metricSet) {
		for _, root := range r.Roots {
			r.metrics(s.with("root", rootLabel(root.Path)), root)
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
	s.gauge("unmarked", "Directories without a valid mark: not sent, or not completely.", float64(root.Unmarked))
	s.gauge("changed", "Directories that are due, but have rows that came after the mark.", float64(root.Changed))
	s.gauge("kept", "Marked directories that are kept for another reason.", float64(root.Kept))
	s.gauge("locked", "Directories left to a run that worked on them.", float64(root.Locked))
	s.gauge("failed", "Directories that could not be examined or not be deleted completely.", float64(root.Failed))
	s.gauge("lacking_bytes", "Bytes that --min-free still lacked on the disk of the root when the last run ended.", float64(root.LackingBytes))
	unreadable := 0.0
	if root.Unreadable {
		unreadable = 1
	}
	s.gauge("unreadable", "1 if the root does not exist or could not be read.", unreadable)
	s.ended("tstat_cull", &r.RunInfo)
}
