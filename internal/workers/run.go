package workers

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// Options say what to send and how.
type Options struct {
	// Roots are open and locked.
	Roots []*logdir.Root
	// Transport accepts the messages; the caller closes it after Run.
	Transport transport.Transport
	// Mark has directories marked; without it nothing on disk is written.
	Mark bool
	// Single stops after the first directory that had something to send.
	Single bool
	// Settings of the flows. Instance is for roots without their own.
	Settings message.Settings
	// Threshold is the smallest byte count of a direction that is sent.
	Threshold uint64
	// Workers parse and encode; Publishers is how many messages may be unconfirmed.
	Workers, Publishers int
	// Grace is how long what is in flight may take to settle once ctx has ended.
	Grace time.Duration
	// Rejects gets the malformed rows; nil for none.
	Rejects Rejects
	// Version is the tool's, for the marks.
	Version  string
	Log      *slog.Logger
	Counters *report.Counters
}

// Outcome says what kept a run from doing everything.
type Outcome struct {
	// IOErrors counts directories and logs that could not be read or marked.
	IOErrors int
	// Locked counts directories left to another run.
	Locked int
	// Transport is the most telling failure of the transport, nil if none.
	Transport error
	// Interrupted: the context ended before everything was done.
	Interrupted bool
}

// pipeline is one run.
type pipeline struct {
	Options
	layouts layouts

	slots    chan struct{} // one a directory in work
	chunks   chan *chunk   // those nobody works on
	messages chan *outgoing
	finished chan *dirWork
	bodies   sync.Pool // *[]byte
	stop     context.CancelCauseFunc

	mu      sync.Mutex
	active  map[*dirWork]struct{}
	outcome Outcome
}

const (
	// maxDirs bounds the directories in work, and with them open files.
	maxDirs = 32
	// queued is how many messages may wait for a publisher.
	queued = 32
	// interval is how often .processing is written while a directory is in work.
	interval = 2 * time.Second
	markers  = 8
)

// Run sends what is new below the roots, and returns when everything that was
// taken into work is settled. When ctx ends it stops taking work. The error is
// that of roots that cannot be read; the others are sent all the same.
func Run(ctx context.Context, o Options) (Outcome, error) {
	p := &pipeline{
		Options: o,
		slots:   make(chan struct{}, maxDirs),
		chunks:  make(chan *chunk, o.Workers+2),
		active:  make(map[*dirWork]struct{}),
	}
	p.bodies.New = func() any { b := make([]byte, 0, 128<<10); return &b }
	for range cap(p.chunks) {
		p.chunks <- newChunk()
	}
	entries, err := p.crawl(ctx, o.Roots)
	if ctx.Err() != nil {
		p.outcome.Interrupted = true
		return p.outcome, nil
	}
	if !o.Single {
		p.process(ctx, entries)
		return p.outcome, err
	}
	for i := range entries {
		before := p.Counters.Published.Load()
		p.process(ctx, entries[i:i+1])
		if p.outcome.Interrupted || p.outcome.Transport != nil || p.Counters.Published.Load() > before {
			break
		}
	}
	return p.outcome, err
}

// process takes the directories through the pipeline.
func (p *pipeline) process(outer context.Context, entries []logdir.Entry) {
	soft, stop := context.WithCancelCause(outer)
	defer stop(nil)
	p.stop = stop
	hard, cancel := context.WithCancelCause(context.WithoutCancel(outer))
	defer cancel(nil)
	defer context.AfterFunc(soft, func() {
		t := time.AfterFunc(p.Grace, func() { cancel(errGrace) })
		context.AfterFunc(hard, func() { t.Stop() })
	})()

	p.messages = make(chan *outgoing, queued)
	p.finished = make(chan *dirWork, maxDirs)
	src := newSource(p, entries)
	defer context.AfterFunc(soft, src.wake)()

	var parsing, publishing, marking sync.WaitGroup
	for range p.Workers {
		parsing.Go(func() { p.work(soft, hard, src) })
	}
	for range p.Publishers {
		publishing.Go(func() { p.publish(hard) })
	}
	for range markers {
		marking.Go(func() { p.finish(hard) })
	}
	ticks, endTicks := context.WithCancel(hard)
	var ticking sync.WaitGroup
	ticking.Go(func() { p.tick(ticks) })

	parsing.Wait()
	src.abandon()
	close(p.messages)
	publishing.Wait()
	close(p.finished)
	marking.Wait()
	endTicks()
	ticking.Wait()
	p.outcome.Interrupted = outer.Err() != nil
}

var errGrace = errors.New("not confirmed within the grace time after the run was told to stop")

// work is one worker: it reads and parses one block after the other.
func (p *pipeline) work(soft, hard context.Context, src *source) {
	parser := &parser{threshold: p.Threshold, keep: p.shown()}
	encoders := make(map[encoderKey]*message.Encoder)
	for {
		var c *chunk
		select {
		case c = <-p.chunks:
		case <-hard.Done():
			return
		}
		l := src.take(soft)
		if l == nil {
			p.chunks <- c
			return
		}
		began := time.Now()
		if !p.read(soft, l, c) {
			src.pass(l, false)
			p.chunks <- c
			return
		}
		src.pass(l, c.last)
		began = p.Counters.Spend(report.Read, began)

		key := encoderKey{l.dir.dir.Root, l.log.Protocol}
		if encoders[key] == nil {
			encoders[key] = message.NewEncoder(p.flowSettings(key.root))
		}
		parser.kind, parser.encoder = l.log.Protocol, encoders[key]
		parser.parse(c)
		p.Counters.Spend(report.Parse, began)
		l.add(hard, p, c)
	}
}

// encoderKey says for which logs what an encoder has prepared is the same: the
// instance id, which is the root's, and mostly the layout, which is the kind's.
type encoderKey struct {
	root     *logdir.Root
	protocol fastparse.Protocol
}

// read fills c with the log's next block; it has the log's turn. It says whether
// that was done before ctx ended.
func (p *pipeline) read(ctx context.Context, l *logWork, c *chunk) bool {
	l.reader.next(c)
	if c.err != nil && ctx.Err() != nil {
		return false
	}
	if c.err != nil {
		p.ioError("log_unreadable", "file", l.path, c.err)
	}
	if c.seq == 0 {
		l.dir.mu.Lock()
		l.fingerprint = l.reader.reader.fingerprint()
		l.dir.mu.Unlock()
	}
	if c.last {
		_ = l.reader.close()
	}
	return true
}

// instance is the root's instance id as text.
func (p *pipeline) instance(root *logdir.Root) string {
	if s := p.flowSettings(root); s.Instance != nil {
		return *s.Instance
	}
	return "0"
}

func (p *pipeline) flowSettings(root *logdir.Root) message.Settings {
	s := p.Settings
	if root.Instance != "" {
		s.Instance = &root.Instance
	}
	return s
}

// ioError counts and logs a directory or log that cannot be read or marked. key
// says what path is: directory or file.
func (p *pipeline) ioError(event, key, path string, err error) {
	attrs := []any{key, path, "error", err}
	if hint := logdir.WriteRemedy(err); hint != "" && (event == "directory_not_writable" || event == "directory_not_marked") {
		attrs = append(attrs, "hint", hint)
	}
	p.Log.Error(event, attrs...)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome.IOErrors++
}

// dirError notes why a directory is left alone.
func (p *pipeline) dirError(path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrLocked):
		p.Counters.Unsent.Stays(path, report.Locked, err, 0)
		p.Log.Warn("directory_locked", "directory", path, "error", err)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.outcome.Locked++
	case errors.Is(err, logdir.ErrVanished), errors.Is(err, fs.ErrNotExist):
		p.Counters.Unsent.Done(path, 0)
		p.Log.Info("directory_vanished", "directory", path)
	default:
		p.Counters.Unsent.Stays(path, report.Failed, err, 0)
		p.ioError("directory_unreadable", "directory", path, err)
	}
}
