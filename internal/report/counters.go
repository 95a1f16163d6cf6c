// Package report keeps the books of a run: counters that every stage adds to,
// and what is made of them.
package report

import (
	"log/slog"
	"sync/atomic"
)

// LevelVerbose is the level of what only --verbose shows: between what is always
// logged and what is for debugging.
const LevelVerbose = slog.LevelInfo - 2

// Counters are the books of one run. They balance when the run has ended:
//
//	Rows = Below + Sent + Malformed
//	Published = Confirmed + Failed
//
// A row is counted when it is read, whatever becomes of it.
type Counters struct {
	Found       atomic.Int64 // directories found below the roots
	Directories atomic.Int64 // directories that were not done already
	Marked      atomic.Int64 // directories marked .processed
	Logs        atomic.Int64 // logs read
	Bytes       atomic.Int64 // uncompressed bytes read

	Rows       atomic.Int64
	Below      atomic.Int64 // rows below the threshold in both directions
	Sent       atomic.Int64 // rows that became one or two flows
	Malformed  atomic.Int64
	Incomplete atomic.Int64 // unterminated last lines that are no rows (yet)

	Flows     atomic.Int64
	Published atomic.Int64 // messages handed to the transport
	Confirmed atomic.Int64
	Failed    atomic.Int64 // messages not confirmed when the run ended
	BodyBytes atomic.Int64 // of published messages
}

// Attrs are the books as key and value pairs for the summary line.
func (c *Counters) Attrs() []any {
	return []any{
		"found", c.Found.Load(), "directories", c.Directories.Load(), "marked", c.Marked.Load(),
		"logs", c.Logs.Load(), "bytes", c.Bytes.Load(),
		"rows", c.Rows.Load(), "below", c.Below.Load(), "sent", c.Sent.Load(),
		"malformed", c.Malformed.Load(), "incomplete", c.Incomplete.Load(),
		"flows", c.Flows.Load(), "published", c.Published.Load(),
		"confirmed", c.Confirmed.Load(), "failed", c.Failed.Load(),
	}
}
