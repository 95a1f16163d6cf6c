package workers

import (
	"math"
	"strings"

	"tstat-transport/internal/fastparse"
)

// Rejects takes malformed rows, as --rejects has them written. It is called
// from many goroutines; text is lent.
type Rejects interface {
	Reject(file string, line int64, reason string, text []byte) error
	// Sync returns when the rows so far are on the disk. It is called before a
	// state file counts them as done.
	Sync() error
}

// inFull is how many malformed rows of a log are logged in full.
const inFull = 5

// shown is how many malformed lines of a block are of interest.
func (p *pipeline) shown() int {
	if p.Rejects != nil {
		return math.MaxInt
	}
	return inFull
}

// changed tells of header lines inside a log that have other columns than
// those before: Tstat does that when its settings change, and so may whoever
// can put a line into a log.
func (p *pipeline) changed(l *logWork, c *chunk) {
	before := c.layout
	for _, h := range c.headers {
		if h.layout != before && before != nil {
			if l.changes++; l.changes <= inFull {
				p.Log.Warn("header_changed",
					"file", l.path, "byte", c.base+int64(h.at), "columns", columns(h.layout), "before", columns(before))
			}
		}
		before = h.layout
	}
}

func columns(l *fastparse.Layout) int { return strings.Count(l.Header, " ") + 1 }

// reject tells of the chunk's malformed lines. The log's assembly calls it, and
// l.at is still before the chunk.
func (p *pipeline) reject(l *logWork, c *chunk) {
	for i := range c.rejects {
		r := &c.rejects[i]
		line := l.at.books.lines + r.line
		text := c.buf[r.start:r.end]
		if l.malformed+int64(i) < inFull {
			const most = 200
			p.Log.Warn("row_malformed", "file", l.path, "line", line, "error", r.reason.String(),
				"text", string(text[:min(len(text), most)]))
		}
		if p.Rejects != nil {
			if err := p.Rejects.Reject(l.path, line, r.reason.String(), text); err != nil {
				p.ioError("reject_not_written", "file", l.path, err)
			}
		}
	}
	l.malformed += c.books.malformed
	if c.last && l.malformed > inFull {
		p.Log.Warn("rows_malformed", "file", l.path, "rows", l.malformed)
	}
}
