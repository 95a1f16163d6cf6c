package workers

import (
	"context"
	"strings"
	"time"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
)

// logWork is a log in work. The fields of the first group never change; each field
// of the second group has its own owner.
type logWork struct {
	dir  *dirWork
	log  logdir.Log
	stat logdir.Stat // of the file, when it was opened
	path string
	// earlier is the log's state after earlier runs; the zero state if this run sends the
	// whole log.
	earlier logdir.LogState
	padded  bool // the .gz ends with zero bytes, where another gzip member may still arrive

	reader *logReader // owned by the worker that has the log's turn
	queue  blockQueue // guarded by its own mutex
	batch  batch      // owned by the worker that batches, see blockQueue
	ledger logLedger  // guarded by the mutex of the directory's ledger
}

// worker is one worker of the pool.
type worker struct {
	p        *pipeline
	block    *block
	encoder  blockEncoder
	encoders map[encoderKey]*message.Encoder
}

// encoderKey tells which logs share a message.Encoder. Logs of one root have the
// same instance id, and logs of one protocol mostly have the same layout.
type encoderKey struct {
	root     *logdir.Root
	protocol fastparse.Protocol
}

// work runs one worker until no block is left to read or stop.orderly ends. If
// stop.healthy ends while the worker waits for an encoded block, work returns the
// cause of stop.healthy.
func (p *pipeline) work(stop stops, s *scheduler) error {
	w := &worker{p: p, block: newBlock(), encoders: make(map[encoderKey]*message.Encoder)}
	w.encoder.threshold, w.encoder.maxRejects = p.Threshold, p.maxRejects()
	for {
		// The worker takes the encoded block before it reads, else the run could deadlock:
		// the worker would wait with the block that it has read, while later blocks of the
		// log, which are batched after that block, occupy all encoded blocks.
		var e *encodedBlock
		select {
		case e = <-p.freeBlocks:
		case <-stop.healthy.Done():
			return context.Cause(stop.healthy)
		}
		l := s.acquire(stop.orderly)
		if l == nil || !w.read(stop.orderly, s, l) {
			p.freeBlocks <- e
			return nil
		}
		w.encodeBlock(l, e)
		l.add(stop.healthy, e)
	}
}

// read reads the next block of l into the worker's block, and then gives l's turn back.
// The worker must have the turn. read returns false if reading failed because ctx ended.
func (w *worker) read(ctx context.Context, s *scheduler, l *logWork) bool {
	began := time.Now()
	b := w.block
	l.reader.next(b)
	if b.err != nil && ctx.Err() != nil {
		s.release(l)
		return false
	}
	if b.err != nil {
		w.p.readError("log_unreadable", "file", l.path, b.err)
	}
	if b.seq == 0 {
		l.dir.setFingerprint(l, l.reader.fingerprint())
	}
	w.p.logLayoutChanges(l, b)
	if b.last {
		_ = l.reader.close()
		s.retire()
	} else {
		s.release(l)
	}
	w.p.Counters.Spend(report.Read, began)
	return true
}

// encodeBlock encodes the worker's block, a block of l, into e.
func (w *worker) encodeBlock(l *logWork, e *encodedBlock) {
	began := time.Now()
	key := encoderKey{l.dir.disk.Root, l.log.Protocol}
	if w.encoders[key] == nil {
		w.encoders[key] = message.NewEncoder(w.p.flowSettings(key.root))
	}
	w.encoder.rows = w.encoders[key]
	w.encoder.encode(l.log.Protocol, w.block, e)
	w.p.Counters.Spend(report.Parse, began)
}

// logLayoutChanges logs the header lines inside a log whose columns differ from
// those before. Tstat writes such a line when its settings change. Somebody who can
// insert a line into a log can forge such a line.
func (p *pipeline) logLayoutChanges(l *logWork, b *block) {
	before := b.layout
	for _, h := range b.headers {
		if h.layout != before {
			if l.reader.layoutChanges++; l.reader.layoutChanges <= loggedInFull {
				p.Log.Warn("header_changed",
					"file", l.path, "byte", b.base+int64(h.at), "columns", columns(h.layout), "before", columns(before))
			}
		}
		before = h.layout
	}
}

func columns(l *fastparse.Layout) int { return strings.Count(l.Header, " ") + 1 }

// flowSettings returns the settings of the flows below a root.
func (p *pipeline) flowSettings(root *logdir.Root) message.Settings {
	s := p.Settings
	if root.Instance != "" {
		s.Instance = &root.Instance
	}
	return s
}

// instance returns the instance id of a root as text.
func (p *pipeline) instance(root *logdir.Root) string {
	if s := p.flowSettings(root); s.Instance != nil {
		return *s.Instance
	}
	return "0"
}
