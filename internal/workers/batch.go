package workers

import (
	"context"
	"slices"
	"sync"
	"time"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
)

// maxFlows is the largest number of flows in a message.
const maxFlows = 100

// blockQueue puts the encoded blocks of a log back into the log's order. Workers
// add blocks; one worker at a time takes them and batches them, and whoever adds
// a block meanwhile leaves the block to that worker.
type blockQueue struct {
	mu       sync.Mutex
	waiting  []*encodedBlock
	next     int  // seq of the next block to take
	batching bool // a worker is taking blocks
}

// add enters a block. It reports whether the caller is the worker that batches
// from now on, until take has returned nil.
func (q *blockQueue) add(e *encodedBlock) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, e)
	if q.batching {
		return false
	}
	q.batching = true
	return true
}

// take returns the next block of the log; nil if no worker has added it yet.
func (q *blockQueue) take() *encodedBlock {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.waiting, func(e *encodedBlock) bool { return e.seq == q.next })
	if i < 0 {
		q.batching = false
		return nil
	}
	e := q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.next++
	return e
}

// add takes an encoded block into the log's messages, and with the block all
// those that waited for it. It takes ownership of the block.
func (l *logWork) add(ctx context.Context, e *encodedBlock) {
	if !l.queue.add(e) {
		return
	}
	for e := l.queue.take(); e != nil; e = l.queue.take() {
		l.batch.add(ctx, e)
		l.dir.p.encoded <- e // does not block: there are as many blocks as places
	}
}

// batch cuts the flows of a log into messages of up to maxFlows. The flows of a
// row stay together. Where blocks end makes no difference.
type batch struct {
	log *logWork
	ids idPrefix

	message  *outgoing // the message being filled; nil if there is none
	list     []byte    // holds its JSON
	packed   []byte    // holds its JSON, compressed
	from, to int64     // byte range of its rows in the log
	flows    int       // number of flows in it
	read     progress  // behind the last block
	sendable progress  // behind the last row in a message, but for a row without newline
	// malformed counts the malformed rows of this run.
	malformed int64
}

func newBatch(l *logWork, ids idPrefix) batch {
	at := resumed(l.before)
	return batch{log: l, ids: ids, from: at.position, read: at, sendable: at}
}

// add takes the next block of the log.
func (b *batch) add(ctx context.Context, e *encodedBlock) {
	if e.detached {
		b.emit(ctx)
		b.from = e.base
	}
	if e.alreadySent != nil && !e.stillOpen {
		b.read.books.add(sentBooks(e.alreadySent.Flows))
		b.from = e.base
	}
	// Before emit: once a message behind these rows is confirmed, the state file
	// counts the rows as done.
	b.writeRejects(e)
	b.addRows(ctx, e)
	b.read.books.add(e.books)
	b.read.place = e.end
	if e.around.hole == nil {
		b.read.headerLine = e.headerAtEnd
	}
	b.count(e)
	if e.last {
		b.finish(ctx, e)
	}
}

// addRows copies the flows of the block into messages.
func (b *batch) addRows(ctx context.Context, e *encodedBlock) {
	var copied uint32 // so much of e.flows is in messages
	for i := 0; i < len(e.rows); {
		if b.flows+int(e.rows[i].flows) > maxFlows {
			b.emit(ctx)
		}
		if b.message == nil {
			b.message = b.log.dir.p.newMessage(b.log, b.list)
		}
		for ; i < len(e.rows) && b.flows+int(e.rows[i].flows) <= maxFlows; i++ {
			b.flows += int(e.rows[i].flows)
		}
		row := &e.rows[i-1]
		b.message.Body = append(b.message.Body, e.flows[copied:row.flowsEnd]...)
		copied = row.flowsEnd
		b.to = min(row.end, e.after)
		if !e.unterminated(row) {
			b.sendable = progress{e.around.placeAt(b.to, row.headerLine), b.read.books}
			b.sendable.books.add(row.books)
		}
		if b.flows == maxFlows {
			b.emit(ctx)
		}
	}
}

// emit hands the message to the publishers, if there is one.
func (b *batch) emit(ctx context.Context) {
	m := b.message
	if m == nil {
		return
	}
	m.Body[0] = '['
	b.list = append(m.Body, ']')
	m.Flows = b.flows
	m.ID = b.ids.id(b.from, b.to, b.list)
	p := b.log.dir.p
	body := b.list
	m.Size = len(body)
	if p.Compressor != nil {
		b.packed = p.Compressor.Append(b.packed[:0], body)
		body, m.Encoding = b.packed, p.Compressor.Name()
	}
	m.Body = p.bodies.clone(body)
	m.after = b.sendable
	b.from = b.to
	b.message, b.flows = nil, 0
	b.log.dir.holdMessage(m)
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
		p.recordOutcome(m, errStopped)
	}
}

// finish ends the log behind its last block.
func (b *batch) finish(ctx context.Context, e *encodedBlock) {
	b.emit(ctx)
	l := b.log
	if n := len(e.end.holes); n > 0 || e.zeroTail {
		l.dir.p.Log.Warn("log_has_zero_bytes", "file", l.path, "ranges", n, "at_end", e.zeroTail,
			"hint", "data has not arrived there yet, or a crash lost it; rows that appear there are sent by a later run")
	}
	l.dir.endLog(l, b.read.position, b.end(e), e.err)
}

// end returns how the log ends, nil if it could not be read to its end.
func (b *batch) end(e *encodedBlock) *logEnd {
	if e.err != nil {
		return nil
	}
	end := &logEnd{progress: b.read, read: e.after, incomplete: e.tail == tailIncomplete, zeroTail: e.zeroTail}
	switch {
	case e.zeroTail && e.sentInZeros.Flows > 0:
		tail := e.sentInZeros // e is used again
		end.tail = &tail
	case e.stillOpen:
		end.position, end.tail = e.base, e.alreadySent
	case e.tail == tailTaken:
		end.position, end.tail = e.tailAt, &logdir.Tail{Bytes: e.after - e.tailAt}
		if row := e.lastRow(); row != nil && e.unterminated(row) {
			end.tail.Flows = int(row.flows)
		}
		end.books.sub(tailBooks(*end.tail))
	case e.tail != noTail:
		end.position = e.tailAt
	}
	return end
}

// writeRejects logs the malformed rows of a block, and gives them to Rejects.
func (b *batch) writeRejects(e *encodedBlock) {
	p, path, from := b.log.dir.p, b.log.path, 0
	for i := range e.rejects.list {
		r := &e.rejects.list[i]
		line := b.read.books.lines + r.line
		text := e.rejects.text[from:r.textEnd]
		from = r.textEnd
		if b.malformed+int64(i) < loggedInFull {
			const most = 200 // bytes
			p.Log.Warn("row_malformed", "file", path, "line", line, "error", r.reason.String(),
				"text", string(text[:min(len(text), most)]))
		}
		if p.Rejects != nil {
			if err := p.Rejects.Reject(path, line, r.reason.String(), text); err != nil {
				p.ioError("reject_not_written", "file", path, err)
			}
		}
	}
	b.malformed += e.books.malformed
	if e.last && b.malformed > loggedInFull {
		p.Log.Warn("rows_malformed", "file", path, "rows", b.malformed)
	}
}

// count adds the block to the counters of the run.
func (b *batch) count(e *encodedBlock) {
	n := b.log.dir.p.Counters
	n.Bytes.Add(e.after - e.base)
	n.Rows.Add(e.books.rows())
	n.Below.Add(e.books.below)
	n.Sent.Add(e.books.sent)
	n.Malformed.Add(e.books.malformed)
	n.Flows.Add(e.books.flows)
	n.NotFinite.Add(e.books.notFinite)
	if e.tail == tailIncomplete {
		n.Incomplete.Add(1)
	}
}
