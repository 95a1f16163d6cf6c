package workers

import (
	"cmp"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// maxBackups bounds the bytes of earlier state files that a run keeps in memory. A
// directory beyond that bound loses its state files when it is restored, so the next
// run sends the directory from its start.
const maxBackups = 16 << 20

// journal records the directories of which this run has sent messages, with their
// earlier state files. If the queue is lost with those messages, takeBack restores
// the state files, so that the next run sends the same messages again.
type journal struct {
	mu      sync.Mutex
	entries []*journalEntry
	bytes   int
	lost    error // the transport's report that messages are lost; nil if none are
}

// journalEntry is a directory of which messages were sent. A run can have very many
// directories, so a journalEntry must stay small.
type journalEntry struct {
	*logdir.Entry                // in the run's list of directories
	backup        *logdir.Backup // the earlier state files; nil if there were none, or beyond maxBackups
	marked        bool           // this run has marked the directory
}

// add adds a directory whose first message is about to be sent.
func (j *journal) add(entry *logdir.Entry, backup logdir.Backup) *journalEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &journalEntry{Entry: entry}
	if size := backup.Size(); size > 0 && j.bytes+size <= maxBackups {
		e.backup = &backup
		j.bytes += size
	}
	j.entries = append(j.entries, e)
	return e
}

// note records err, an error of the transport, if it means that messages are lost.
func (j *journal) note(err error) {
	if !errors.Is(err, transport.ErrDestinationLost) {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost = cmp.Or(j.lost, err)
}

// takeBack restores the directories' state files if messages are lost. The run must
// have finished all directories.
func (p *pipeline) takeBack() {
	if p.journal.lost == nil {
		return
	}
	p.outcome.TransportErr = p.journal.lost
	if !p.Mark {
		return
	}
	var g errgroup.Group
	g.SetLimit(markWorkers)
	for _, e := range p.journal.entries {
		g.Go(func() error {
			if err := e.restore(); err != nil {
				p.stateError("mark_not_taken_back", e.Path(), err)
				return nil
			}
			if e.marked {
				p.Counters.Marked.Add(-1)
			}
			bytes, since := logdir.Backlog(*e.Entry)
			p.Counters.Unsent.Found(e.Path(), bytes, since)
			p.Counters.Unsent.NotMarked(e.Path(), report.Failed, p.journal.lost, 0)
			return nil
		})
	}
	_ = g.Wait() // each has reported its own error
	p.Log.Warn("marks_taken_back", "directories", len(p.journal.entries), "error", p.journal.lost,
		"hint", "the next run sends these directories again, with the same message ids")
}

func (e *journalEntry) restore() error {
	d, err := logdir.Open(*e.Entry)
	if err != nil {
		return err
	}
	defer d.Close()
	if e.backup == nil {
		return d.Restore(logdir.Backup{})
	}
	return d.Restore(*e.backup)
}
