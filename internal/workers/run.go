package workers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

const (
	// maxDirectories bounds the directories in work. More do not make a run faster.
	maxDirectories = 32
	// maxQueued is how many messages may wait for a publisher.
	maxQueued = 32
	// markWorkers is the number of markers. They mostly wait for the disk.
	markWorkers = 8
)

// pipeline is one run.
type pipeline struct {
	Options
	layouts layouts
	// privacyWarning is given once in a run.
	privacyWarning sync.Once
	bodies         bodyPool

	freeBlocks chan *encodedBlock // encoded blocks that are not in use
	slots      chan struct{}      // a semaphore: one value for each directory in work
	messages   chan *outgoing     // closed when the workers are done
	// finished takes each directory whose last hold has been released. It is closed
	// when the publishers are done. The sender holds a ledger's mutex and must not
	// block, so finished has as much room as slots.
	finished chan *dirWork

	journal journal

	mu      sync.Mutex
	inWork  map[*dirWork]struct{}
	outcome Outcome
	resent  []bool // in a resend, by dirWork.order: whether the directory is finished
}

func newPipeline(o Options) *pipeline {
	o.Mark = o.Mark && o.Resend == nil
	if o.Directories == 0 || o.Directories > maxDirectories {
		o.Directories = maxDirectories
	}
	p := &pipeline{
		Options:    o,
		freeBlocks: make(chan *encodedBlock, o.Workers+2),
		slots:      make(chan struct{}, o.Directories),
		inWork:     make(map[*dirWork]struct{}),
	}
	for range cap(p.freeBlocks) {
		p.freeBlocks <- new(encodedBlock)
	}
	return p
}

// Run sends what is new below the roots. It returns when every directory that it
// has opened is finished. When ctx ends, Run opens no more directories. Run logs each
// root that cannot be read, and sends the other roots. The error joins the errors of the
// unreadable roots.
func Run(ctx context.Context, o Options) (Outcome, error) {
	p := newPipeline(o)
	entries, err := p.crawl(ctx, o.Roots)
	if ctx.Err() != nil {
		p.outcome.Interrupted = true
		if o.Resend != nil {
			p.outcome.ResumeAt = o.Resend.Since
		}
		return p.outcome, nil
	}
	if o.Resend != nil {
		p.resent = make([]bool, len(entries))
	}
	if o.Single {
		p.processFirst(ctx, entries)
	} else {
		p.process(ctx, entries)
	}
	p.takeBack()
	if o.Resend != nil && (p.outcome.Interrupted || p.outcome.TransportErr != nil) {
		p.outcome.ResumeAt = p.firstUnsent(entries)
	}
	return p.outcome, err
}

// processFirst processes one directory after the other until a message was published.
func (p *pipeline) processFirst(ctx context.Context, entries []logdir.Entry) {
	for i := range entries {
		before := p.Counters.Published.Load()
		p.process(ctx, entries[i:i+1])
		if p.outcome.Interrupted || p.outcome.TransportErr != nil || p.Counters.Published.Load() > before {
			return
		}
	}
}

// openChannels makes the channels between the stages. process closes them.
func (p *pipeline) openChannels() {
	p.messages = make(chan *outgoing, maxQueued)
	p.finished = make(chan *dirWork, cap(p.slots))
}

// process takes directories through the stages after the crawl. The first failure of a
// pool is the run's.
func (p *pipeline) process(ctx context.Context, entries []logdir.Entry) {
	stop, publishing, release := newStops(ctx, p.Grace)
	defer release()
	p.openChannels()
	s := newScheduler(p, entries)
	defer context.AfterFunc(stop.orderly, s.wake)()

	var parsing, marking errgroup.Group
	for range p.Workers {
		parsing.Go(func() error { return p.work(stop, s) })
	}
	publishing.SetLimit(p.Publishers + 1) // startPublishers, and the publishers that it starts
	publishing.Go(func() error { return p.startPublishers(stop, publishing) })
	for range markWorkers {
		marking.Go(func() error { return p.markWorker(stop) })
	}
	checkpoints, endCheckpoints := context.WithCancel(stop.hard)
	marking.Go(func() error { p.checkpointLoop(checkpoints); return nil })

	err := parsing.Wait()
	s.endUnread()
	close(p.messages)
	err = cmp.Or(err, publishing.Wait())
	for m := range p.messages { // left over, because a publisher failed
		p.recordOutcome(m, errStopped)
	}
	endCheckpoints()
	close(p.finished)
	p.outcome.TransportErr = cmp.Or(err, marking.Wait())
	p.outcome.Interrupted = ctx.Err() != nil
}

// enter adds a directory to those in work.
func (p *pipeline) enter(d *dirWork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inWork[d] = struct{}{}
}

// leave removes a directory from those in work, and frees the slot that open took.
func (p *pipeline) leave(d *dirWork) {
	p.mu.Lock()
	delete(p.inWork, d)
	p.mu.Unlock()
	<-p.slots
}

// directories returns the directories in work.
func (p *pipeline) directories() []*dirWork {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.inWork))
}
