package workers

import (
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// maxBefore bounds the bytes of state files that a run keeps to put them back.
// Beyond the bound a directory is put back to nothing, and would be sent whole.
const maxBefore = 16 << 20

// journal remembers of which directories this run has sent messages, and what
// their state files said before. If the queue is gone with those messages, the
// directories are put back, so that the next run sends the same messages again.
type journal struct {
	mu      sync.Mutex
	entries []*journalEntry
	bytes   int
	lost    error // the transport's error that messages are gone; nil if they are not
}

// journalEntry is kept for each directory of a run: it must stay small.
type journalEntry struct {
	logdir.Entry
	before *logdir.Before // nil if nothing stood there
	marked bool           // by this run
}

// enter adds a directory whose first message is about to be sent.
func (j *journal) enter(entry logdir.Entry, before logdir.Before) *journalEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &journalEntry{Entry: entry}
	if size := before.Size(); size > 0 && j.bytes+size <= maxBefore {
		e.before = &before
		j.bytes += size
	}
	j.entries = append(j.entries, e)
	return e
}

// note records err, of the transport, if it says that messages are gone.
func (j *journal) note(err error) {
	if !errors.Is(err, transport.ErrDestinationLost) {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost = firstError(j.lost, err)
}

// takeBack puts the directories back if messages of theirs are gone. It is
// called when the run has finished all directories.
func (p *pipeline) takeBack() {
	if p.journal.lost == nil {
		return
	}
	p.outcome.Transport = p.journal.lost
	var g errgroup.Group
	g.SetLimit(markWorkers)
	for _, e := range p.journal.entries {
		g.Go(func() error {
			if err := e.restore(); err != nil {
				p.ioError("mark_not_taken_back", "directory", e.Path(), err)
				return nil
			}
			if e.marked {
				p.Counters.Marked.Add(-1)
			}
			bytes, since := logdir.Backlog(e.Entry)
			p.Counters.Unsent.Found(e.Path(), bytes, since)
			p.Counters.Unsent.Stays(e.Path(), report.Failed, p.journal.lost, 0)
			return nil
		})
	}
	_ = g.Wait() // each has reported its own error
	p.Log.Warn("marks_taken_back", "directories", len(p.journal.entries), "error", p.journal.lost,
		"hint", "the next run sends them again, with the same message ids")
}

func (e *journalEntry) restore() error {
	d, err := logdir.Open(e.Entry)
	if err != nil {
		return err
	}
	defer d.Close()
	if e.before == nil {
		return d.Restore(logdir.Before{})
	}
	return d.Restore(*e.before)
}
