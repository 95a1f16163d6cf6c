// Package report keeps the counters of a run. Every stage adds to the counters. The
// summary line, the progress bar on a terminal, the report in JSON and the metrics for
// Prometheus are made from the counters.
package report

import (
	"sync"
	"sync/atomic"
	"time"
)

// Counters count the work of one run. When the run has ended, these sums hold:
//
//	Rows = Below + Sent + Malformed
//	Published = Confirmed + Failed
//
// A row is counted when it is read, also if its message then fails.
type Counters struct {
	Found       atomic.Int64 // directories found below the roots
	Directories atomic.Int64 // directories worked on
	Marked      atomic.Int64 // directories marked .processed
	Logs        atomic.Int64 // logs read
	Bytes       atomic.Int64 // uncompressed bytes read

	Rows       atomic.Int64
	Below      atomic.Int64 // rows below the threshold in both directions
	Sent       atomic.Int64 // rows that became one or two flows
	Malformed  atomic.Int64
	NotFinite  atomic.Int64 // statistics that are nan or inf in the log and null in a flow
	Incomplete atomic.Int64 // last lines that have no newline and are not rows yet

	Flows     atomic.Int64
	Published atomic.Int64 // messages handed to the transport
	Confirmed atomic.Int64
	Failed    atomic.Int64 // messages not confirmed when the run ended
	BodyBytes atomic.Int64 // bytes of the bodies of published messages

	Unsent Unsent // directories that still have something to send

	spent [stages]atomic.Int64 // ns

	mu      sync.Mutex
	crawled map[string]crawledRoot // by root
}

// crawledRoot is what the crawl found below a root.
type crawledRoot struct {
	found  int
	newest time.Time // when Tstat started the newest directory; zero if there is none or that is unknown
}

// Crawled records the number of directories found below a root, and when Tstat started
// the newest directory.
func (c *Counters) Crawled(root string, found int, newest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crawled == nil {
		c.crawled = make(map[string]crawledRoot)
	}
	c.crawled[root] = crawledRoot{found, newest}
}

// root returns what Crawled has recorded of a root.
func (c *Counters) root(path string) (root crawledRoot, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	root, known = c.crawled[path]
	return root, known
}

// Stage is a part of the pipeline whose time is measured.
type Stage uint8

// The stages. Crawl has the duration of the crawl. The time of any other stage is summed
// over its goroutines.
const (
	Crawl   Stage = iota // finding directories
	Read                 // reading, and decompressing, blocks of logs
	Parse                // rows to flows, flows to JSON
	Wait                 // workers waiting for a free place among the messages in flight
	Confirm              // publishers waiting for a message's confirmation
	Mark                 // writing marks
	stages
)

func (s Stage) String() string {
	return [...]string{"crawl", "read", "parse", "wait", "confirm", "mark"}[s]
}

// Spend adds the time since began to a stage. It returns the current time.
func (c *Counters) Spend(s Stage, began time.Time) time.Time {
	now := time.Now()
	c.spent[s].Add(int64(now.Sub(began)))
	return now
}

// quantity is one counter. It has the same name in the summary and in the report. In the
// metrics the name becomes tstat_send_NAME_total, and found becomes tstat_send_found.
type quantity struct {
	name  string
	value int64
	help  string
}

// quantities returns the counters in the order of the summary.
func (r *Run) quantities() []quantity {
	c, d := r.Counters, &r.Delivery
	return []quantity{
		{"found", c.Found.Load(), "Directories of logs found below the roots."},
		{"directories", c.Directories.Load(), "Directories worked on."},
		{"marked", c.Marked.Load(), "Directories marked .processed."},
		{"logs", c.Logs.Load(), "Logs read."},
		{"bytes", c.Bytes.Load(), "Uncompressed bytes of logs read."},
		{"rows", c.Rows.Load(), "Rows read."},
		{"below", c.Below.Load(), "Rows below the threshold in both directions."},
		{"sent", c.Sent.Load(), "Rows that became flows."},
		{"malformed", c.Malformed.Load(), "Rows that are malformed and were skipped."},
		{"not_finite", c.NotFinite.Load(), "Statistics that are nan or inf in a log and null in a flow."},
		{"incomplete", c.Incomplete.Load(), "Last lines that have no newline and are not rows yet."},
		{"flows", c.Flows.Load(), "Flows made of rows."},
		{"published", c.Published.Load(), "Messages handed to the transport."},
		{"confirmed", c.Confirmed.Load(), "Messages confirmed."},
		{"failed", c.Failed.Load(), "Messages not confirmed when a run ended."},
		{"resent", d.Resent, "Times that a message was published again."},
		{"returned", d.Returned, "Messages returned as unroutable."},
		{"nacked", d.Nacked, "Messages refused by the broker with a nack."},
		{"reconnects", d.Reconnects, "Connections that replaced lost connections."},
		{"body_bytes", c.BodyBytes.Load(), "Bytes of the bodies of published messages, uncompressed."},
	}
}

// omitIfZero are the quantities that the summary omits if they are 0.
var omitIfZero = map[string]bool{"returned": true, "nacked": true, "reconnects": true}

// Attrs returns the counters as keys and values of the summary line, without body_bytes.
func (r *Run) Attrs() []any {
	var attrs []any
	for _, q := range r.quantities() {
		if q.value == 0 && omitIfZero[q.name] || q.name == "body_bytes" {
			continue
		}
		attrs = append(attrs, q.name, q.value)
	}
	if backlog, complete := r.Counters.Unsent.Backlog(); complete {
		attrs = append(attrs, "unsent", backlog.Directories, "backlog_bytes", backlog.Bytes)
	}
	return append(attrs, "seconds", r.seconds(), "status", r.Status)
}
