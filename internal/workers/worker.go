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

// logWork is a log in work. Its own fields never change; each of its parts has
// an owner.
type logWork struct {
	dir    *dirWork
	log    logdir.Log
	stat   logdir.Stat // of the file, when it was opened
	path   string
	before logdir.LogState // what an earlier run left

	reader *logReader // the worker with the log's turn
	queue  blockQueue // its own mutex
	batch  batch      // the worker that batches, see blockQueue
	ledger logLedger  // the mutex of the directory's ledger
}

// worker is what one of the workers has for itself.
type worker struct {
	p        *pipeline
	block    *block
	encode   blockEncoder
	encoders map[encoderKey]*message.Encoder
}

// encoderKey says which logs can share a message.Encoder: those with the same
// instance id, which is the root's, and mostly the same layout.
type encoderKey struct {
	root     *logdir.Root
	protocol fastparse.Protocol
}

// work runs one worker until no block is left to read, or orderly ends. The
// error is why healthy has ended, if the worker had to wait until then.
func (p *pipeline) work(orderly, healthy context.Context, s *scheduler) error {
	w := &worker{p: p, block: newBlock(), encoders: make(map[encoderKey]*message.Encoder)}
	w.encode.threshold, w.encode.maxRejects = p.Threshold, p.maxRejects()
	for {
		// First, since a worker that waited here with a block would hold up all
		// later blocks of the log, and so those who could give one back.
		var e *encodedBlock
		select {
		case e = <-p.encoded:
		case <-healthy.Done():
			return context.Cause(healthy)
		}
		l := s.acquire(orderly)
		if l == nil || !w.read(orderly, s, l) {
			p.encoded <- e
			return nil
		}
		w.encodeBlock(l, e)
		l.add(healthy, e)
	}
}

// read fills the worker's block with the next block of l, whose turn the worker
// has, and passes the turn on. It reports whether that was done before ctx ended.
func (w *worker) read(ctx context.Context, s *scheduler, l *logWork) bool {
	began := time.Now()
	b := w.block
	l.reader.next(b)
	if b.err != nil && ctx.Err() != nil {
		s.release(l, false)
		return false
	}
	if b.err != nil {
		w.p.ioError("log_unreadable", "file", l.path, b.err)
	}
	if b.seq == 0 {
		l.dir.setFingerprint(l, l.reader.fingerprint())
	}
	w.p.logLayoutChanges(l, b)
	if b.last {
		_ = l.reader.close()
	}
	s.release(l, b.last)
	w.p.Counters.Spend(report.Read, began)
	return true
}

// encodeBlock fills e with what becomes of the worker's block, which is of l.
func (w *worker) encodeBlock(l *logWork, e *encodedBlock) {
	began := time.Now()
	key := encoderKey{l.dir.dir.Root, l.log.Protocol}
	if w.encoders[key] == nil {
		w.encoders[key] = message.NewEncoder(w.p.flowSettings(key.root))
	}
	w.encode.rows = w.encoders[key]
	w.encode.encode(l.log.Protocol, w.block, e)
	w.p.Counters.Spend(report.Parse, began)
}

// logLayoutChanges logs header lines inside a log that have other columns than
// those before. Tstat writes such a line when its settings change, and so may
// anybody who can put a line into a log.
func (p *pipeline) logLayoutChanges(l *logWork, b *block) {
	before := b.layout
	for _, h := range b.headers {
		if h.layout != before && before != nil {
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
