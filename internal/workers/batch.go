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

// maxFlows is the largest number of flows in a message.
const maxFlows = 100

// blockQueue puts the encoded blocks of a log back into the log's order. All
// workers add blocks. One worker at a time takes blocks and batches them, also
// those that other workers add meanwhile.
type blockQueue struct {
	mu       sync.Mutex
	blocks   []*encodedBlock // in any order
	next     int             // seq of the next block to take
	batching bool            // a worker is taking blocks
}

// add adds a block. If add returns true, the caller is the worker that batches, and
// must call pop until pop returns nil.
func (q *blockQueue) add(e *encodedBlock) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = append(q.blocks, e)
	if q.batching {
		return false
	}
	q.batching = true
	return true
}

// pop returns the next block of the log. It returns nil if no worker has added
// that block yet; the caller then no longer batches.
func (q *blockQueue) pop() *encodedBlock {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.blocks, func(e *encodedBlock) bool { return e.seq == q.next })
	if i < 0 {
		q.batching = false
		return nil
	}
	e := q.blocks[i]
	q.blocks = slices.Delete(q.blocks, i, i+1)
	q.next++
	return e
}

// add queues an encoded block. If no other worker is batching, it then adds the queued
// blocks that are next in the log to the log's messages. add takes ownership of e.
func (l *logWork) add(ctx context.Context, e *encodedBlock) {
	if !l.queue.add(e) {
		return
	}
	for e := l.queue.pop(); e != nil; e = l.queue.pop() {
		l.batch.add(ctx, e)
		l.dir.p.freeBlocks <- e // does not block: the channel has room for all blocks
	}
}

// batch cuts the flows of a log into messages of up to maxFlows. The flows of a row
// stay together. The cuts do not depend on where blocks end.
type batch struct {
	log *logWork
	ids idPrefix

	message  *outgoing // the message being filled; nil if there is none
	begun    []byte    // buffer for a message that begins in one block and ends in another
	packed   []byte    // buffer for the compressed message
	from, to int64     // byte range in the log of the message's rows
	flows    int       // number of flows in the message
	read     progress  // up to the end of the block that was added last
	batched  progress  // up to the last row in a message; less if that row has no newline
	// malformed counts the log's malformed rows in this run.
	malformed int64
}

func newBatch(l *logWork, ids idPrefix) batch {
	at := progressOf(l.earlier)
	return batch{log: l, ids: ids, from: at.position, read: at, batched: at}
}

// add adds the next block of the log to the messages.
func (b *batch) add(ctx context.Context, e *encodedBlock) {
	if e.detached {
		b.emit(ctx)
		b.from = e.base
	}
	if e.alreadySent != nil && !e.stillOpen {
		b.read.books.add(tailBooks(*e.alreadySent))
	}
	// Rejects are written before the next emit: once a later message is confirmed,
	// the state file counts the rejected rows as done.
	b.writeRejects(e)
	b.addRows(ctx, e)
	b.read.books.add(e.books)
	b.read.place = e.around.placeAt(e.position, e.headerAtEnd)
	b.count(e)
	if e.last {
		b.endLog(ctx, e)
	}
}

// addRows adds the flows of the block to messages.
func (b *batch) addRows(ctx context.Context, e *encodedBlock) {
	var added uint32               // how many bytes of e.flows are in messages
	for i := 0; i < len(e.rows); { // each iteration adds the rows that fit into one message
		if b.flows+int(e.rows[i].flows) > maxFlows {
			b.emit(ctx)
		}
		if b.message == nil {
			b.message = b.log.dir.p.newMessage(b.log)
		}
		for ; i < len(e.rows) && b.flows+int(e.rows[i].flows) <= maxFlows; i++ {
			b.flows += int(e.rows[i].flows)
		}
		row := &e.rows[i-1]
		b.addFlows(e.flows[added:row.flowsEnd])
		added = row.flowsEnd
		b.to = min(row.end, e.after)
		if !e.unterminated(row) {
			b.batched = progress{e.around.placeAt(b.to, row.headerLine), b.read.books}
			b.batched.books.add(row.books)
		}
		if b.flows == maxFlows {
			b.emit(ctx)
		}
	}
	if b.message != nil { // e will be reused
		b.begun = append(b.begun[:0], b.message.Body...)
		b.message.Body = b.begun
	}
}

// addFlows adds a block's flows to the message. The flows of a message that has begun in
// an earlier block are copied; those of any other message stay where they are.
func (b *batch) addFlows(flows []byte) {
	m := b.message
	if len(m.Body) == 0 {
		m.Body = flows
		return
	}
	b.begun = append(m.Body, flows...)
	m.Body = b.begun
}

// emit hands the message being filled, if any, to the publishers.
func (b *batch) emit(ctx context.Context) {
	m := b.message
	if m == nil {
		return
	}
	// The comma between two messages of a block becomes the ] of the first, and then the [
	// of the second.
	m.Body[0] = '['
	body := append(m.Body, ']')
	m.Flows = b.flows
	m.ID = b.ids.id(b.from, b.to, body)
	p := b.log.dir.p
	m.Size = len(body)
	switch {
	case p.Compressor != nil:
		b.packed = p.Compressor.Append(b.packed[:0], body)
		body, m.Encoding = b.packed, p.Compressor.Name()
	case p.Pack && p.bodies.lent() > packAbove:
		b.packed = transport.Pack(b.packed, body)
		body, m.Encoding = b.packed, transport.Packed
	}
	m.Body = p.bodies.clone(body)
	m.progress = b.batched
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

// endLog ends the log after its last block.
func (b *batch) endLog(ctx context.Context, e *encodedBlock) {
	b.emit(ctx)
	l := b.log
	if n := len(b.read.holes); n > 0 || e.zeroTail {
		l.dir.p.Log.Warn("log_has_zero_bytes", "file", l.path, "ranges", n, "at_end", e.zeroTail,
			"hint", "data has not arrived there yet, or a crash lost it; rows that appear there are sent by a later run")
	}
	l.dir.endLog(l, b.read.position, b.logEnd(e), e.err)
}

// logEnd returns the end of the log, e being its last block; nil if the log could not be
// read to its end.
func (b *batch) logEnd(e *encodedBlock) *logEnd {
	if e.err != nil {
		return nil
	}
	end := &logEnd{progress: b.read, after: e.after, incomplete: e.tail == tailIncomplete, zeroTail: e.zeroTail || b.log.padded}
	switch {
	case e.zeroTail && e.sentInZeros.Flows > 0:
		tail := e.sentInZeros // a copy, since e will be reused
		end.tail = &tail
	case e.stillOpen:
		end.position, end.tail = e.base, e.alreadySent
	case e.tail == tailTaken:
		end.position, end.tail = e.tailAt, &logdir.Tail{Bytes: e.after - e.tailAt}
		if n := len(e.rows); n > 0 && e.unterminated(&e.rows[n-1]) {
			end.tail.Flows, end.tail.NotFinite = int(e.rows[n-1].flows), e.notFiniteInLastRow()
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
		if p.Settings.Privacy.On() {
			text = nil // a malformed row may contain IP addresses
		}
		if b.malformed+int64(i) < loggedInFull {
			const maxLogged = 200 // bytes
			p.Log.Warn("row_malformed", "file", path, "line", line, "error", r.reason.String(),
				"text", string(text[:min(len(text), maxLogged)]))
		}
		if p.Rejects != nil {
			if err := p.Rejects.Reject(path, line, r.reason.String(), text); err != nil {
				p.ioError("reject_not_written", "file", path, err, "")
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
