package workers

import (
	"context"
	"slices"
	"sync"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// logWork is a log in work.
type logWork struct {
	dir   *dirWork
	log   logdir.Log
	stat  logdir.Stat
	path  string
	names names
	// reader belongs to the worker that has the log's turn.
	reader *stretches

	mu         sync.Mutex
	parked     []*chunk // parsed, and not yet assembled
	seq        int      // of the chunk that is next
	assembling bool     // a worker is in assemble

	// These are the assembling worker's.
	from, to  int64 // the range of the message in work
	flows     int   // in it
	message   *outgoing
	at        progress // behind the last chunk
	after     progress // behind the last row in a message that has a newline
	malformed int64    // rows of this run
	changes   int      // header lines with other columns

	// These are the ledger's, guarded by dir.mu.
	before      logdir.LogState // what an earlier run left
	fingerprint string
	confirmed   progress
	end         *ending
	waiting     []*outgoing // in order
}

// progress is how far a log has come, and the books of all before it.
type progress struct {
	place
	books books
}

// ending is how a log that was read to its end ends.
type ending struct {
	progress         // up to the last line without newline, if there is one
	read       int64 // how far the log was read
	tail       *logdir.Tail
	incomplete bool
	zeroTail   bool
}

// outgoing is a message on its way.
type outgoing struct {
	transport.Message
	log     *logWork
	after   progress // of the log once this and all before it are confirmed
	settled bool
}

// add takes a parsed chunk, and with it all that waited for it, into the log's
// messages. It owns the chunk from here on. A worker that finds another one at
// it leaves the chunk to that one.
func (l *logWork) add(ctx context.Context, p *pipeline, c *chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parked = append(l.parked, c)
	if l.assembling {
		return
	}
	l.assembling = true
	defer func() { l.assembling = false }()
	for {
		i := slices.IndexFunc(l.parked, func(c *chunk) bool { return c.seq == l.seq })
		if i < 0 {
			return
		}
		c := l.parked[i]
		l.parked = slices.Delete(l.parked, i, i+1)
		l.mu.Unlock()
		l.assemble(ctx, p, c)
		p.chunks <- c
		l.mu.Lock()
		l.seq++
	}
}

// assemble cuts the chunk's flows into messages: 100 flows at most, a row's
// flows together, whatever the blocks.
func (l *logWork) assemble(ctx context.Context, p *pipeline, c *chunk) {
	if c.apart {
		if l.message != nil {
			l.emit(ctx, p)
		}
		l.from = c.base
	}
	if c.settled != nil && !c.kept {
		l.at.books.add(books{lines: 1, sent: 1, flows: int64(c.settled.Flows)})
		l.from = c.base
	}
	// Before a message is emitted: the confirmed position may pass these rows then.
	p.changed(l, c)
	p.reject(l, c)
	var start uint32 // of the flows not yet in a message
	for i := 0; i < len(c.rows); {
		if l.flows+int(c.rows[i].n) > maxFlows {
			l.emit(ctx, p)
		}
		if l.message == nil {
			l.message = p.newMessage(l)
		}
		for ; i < len(c.rows) && l.flows+int(c.rows[i].n) <= maxFlows; i++ {
			l.flows += int(c.rows[i].n)
		}
		row := &c.rows[i-1]
		l.message.Body = append(l.message.Body, c.flows[start:row.flows]...)
		start = row.flows
		l.to = min(c.base+int64(row.end), c.after)
		if int(row.end) < len(c.buf) || !c.tail {
			l.after = progress{c.placeAt(l.to, row.header), l.at.books}
			l.after.books.add(row.books)
		}
		if l.flows == maxFlows {
			l.emit(ctx, p)
		}
	}
	l.at.books.add(c.books)
	l.at.place = c.end
	if c.hole == nil {
		l.at.header = c.final
	}
	l.count(p, c)
	if c.last {
		l.finish(ctx, p, c)
	}
}

// emit hands the message in work to the publishers.
func (l *logWork) emit(ctx context.Context, p *pipeline) {
	m := l.message
	m.Body[0] = '['
	m.Body = append(m.Body, ']')
	m.Flows = l.flows
	m.ID = l.names.id(l.from, l.to)
	m.after = l.after
	l.from = l.to
	l.message, l.flows = nil, 0
	l.dir.hold(m)
	select {
	case p.messages <- m:
		return
	default:
	}
	began := time.Now()
	defer func() { p.Counters.Spend(report.Wait, began) }()
	select {
	case p.messages <- m:
	case <-ctx.Done():
		p.settle(m, context.Cause(ctx))
	}
}

// finish ends the log behind its last chunk.
func (l *logWork) finish(ctx context.Context, p *pipeline, c *chunk) {
	end := &ending{progress: l.at, read: c.after, incomplete: c.tailRow == incomplete, zeroTail: c.zeroTail}
	switch {
	case c.err != nil:
		end = nil
	case c.zeroTail && c.taken.Flows > 0:
		end.tail = &c.taken
	case c.kept:
		end.position, end.tail = c.base, c.settled
	case c.tailRow == taken:
		tail := &logdir.Tail{Bytes: c.after - c.base - int64(c.tailAt)}
		row := books{lines: 1, below: 1}
		if n := len(c.rows); n > 0 && int(c.rows[n-1].end) == len(c.buf) {
			tail.Flows = int(c.rows[n-1].n)
			row = books{lines: 1, sent: 1, flows: int64(tail.Flows)}
		}
		end.position, end.tail = c.base+int64(c.tailAt), tail
		end.books.sub(row)
	case c.tailRow != noTail:
		end.position = c.base + int64(c.tailAt)
	}
	if l.message != nil {
		l.emit(ctx, p)
	}
	if n := len(c.end.holes); n > 0 || c.zeroTail {
		p.Log.Warn("log_has_zero_bytes", "file", l.path, "ranges", n, "at_end", c.zeroTail,
			"hint", "data has not arrived there yet, or a crash lost it; rows that appear there are sent by a later run")
	}
	l.dir.ended(p, l, end, c.err)
}

// count adds the chunk to the books of the run.
func (l *logWork) count(p *pipeline, c *chunk) {
	n := p.Counters
	n.Bytes.Add(c.after - c.base)
	n.Rows.Add(c.books.rows())
	n.Below.Add(c.books.below)
	n.Sent.Add(c.books.sent)
	n.Malformed.Add(c.books.malformed)
	n.Flows.Add(c.books.flows)
	n.NotFinite.Add(c.books.notFinite)
	if c.tailRow == incomplete {
		n.Incomplete.Add(1)
	}
}
