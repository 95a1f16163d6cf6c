package report

import (
	"io"
	"time"

	"github.com/goccy/go-json"

	"tstat-transport/internal/cli"
)

// RunInfo describes a run of either program. Ended and Status are set when the run has ended.
type RunInfo struct {
	Version        string
	Started, Ended time.Time
	Status         int  // the exit status
	Interrupted    bool // a signal told the run to stop
	Events         *Events
}

// reportHead holds the first keys of a report.
type reportHead struct {
	Tool        string    `json:"tool"`
	Version     string    `json:"version"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Seconds     float64   `json:"seconds"`
	Status      int       `json:"status"`
	Interrupted bool      `json:"interrupted"`
}

// reportTail holds the last keys of a report.
type reportTail struct {
	Errors   eventList `json:"errors"`
	Warnings eventList `json:"warnings"`
}

func (r *RunInfo) head(tool string) reportHead {
	return reportHead{
		Tool: tool, Version: r.Version, Started: r.Started, Ended: r.Ended,
		Seconds: r.seconds(), Status: r.Status, Interrupted: r.Interrupted,
	}
}

func (r *RunInfo) tail() (t reportTail) {
	t.Errors, t.Warnings = r.Events.lists()
	return t
}

func (r *RunInfo) seconds() float64 { return cli.Seconds(r.Ended.Sub(r.Started)) }

// writeJSON writes a report to the file at path.
func writeJSON(path string, report any) error {
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return writeFileAtomic(path, 0o640, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
