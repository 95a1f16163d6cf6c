package report

import (
	"io"
	"time"

	"github.com/goccy/go-json"

	"tstat-transport/internal/cli"
)

// Outcome is what the reports and the metrics of both programs have in common.
type Outcome struct {
	Version        string
	Started, Ended time.Time
	Status         int  // the exit status
	Interrupted    bool // a signal stopped the run
	Events         *Events
}

// outcomeHead holds the first keys of a report.
type outcomeHead struct {
	Tool        string    `json:"tool"`
	Version     string    `json:"version"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Seconds     float64   `json:"seconds"`
	Status      int       `json:"status"`
	Interrupted bool      `json:"interrupted"`
}

// outcomeTail holds the last keys of a report.
type outcomeTail struct {
	Errors   eventList `json:"errors"`
	Warnings eventList `json:"warnings"`
}

func (o *Outcome) head(tool string) outcomeHead {
	return outcomeHead{
		Tool: tool, Version: o.Version, Started: o.Started, Ended: o.Ended,
		Seconds: o.seconds(), Status: o.Status, Interrupted: o.Interrupted,
	}
}

func (o *Outcome) tail() (t outcomeTail) {
	t.Errors, t.Warnings = o.Events.lists()
	return t
}

func (o *Outcome) seconds() float64 { return cli.Seconds(o.Ended.Sub(o.Started)) }

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
