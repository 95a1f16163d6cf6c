package workers

import (
	"context"
	"slices"
	"sync"

	"tstat-transport/internal/logdir"
)

// scheduler opens directories in order, and gives the turns of their logs to
// workers. The worker that has a log's turn reads the log's next block.
type scheduler struct {
	p       *pipeline
	entries []logdir.Entry

	mu      sync.Mutex
	changed *sync.Cond // signals a change of the fields below, or the end of the context
	opening bool       // a worker is opening a directory
	next    int        // index in entries of the next directory
	idle    []*logWork // logs whose turn nobody has, oldest directory first
	unread  int        // number of logs whose last block is not read
}

func newScheduler(p *pipeline, entries []logdir.Entry) *scheduler {
	s := &scheduler{p: p, entries: entries}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// wake makes waiting workers check their context.
func (s *scheduler) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// acquire waits for the turn of a log: an open log, or a log of the next
// directory. It returns nil when no log is left to read or ctx has ended.
func (s *scheduler) acquire(ctx context.Context) *logWork {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil {
		switch {
		case len(s.idle) > 0:
			l := s.idle[0]
			s.idle = s.idle[1:]
			return l
		case s.next < len(s.entries) && !s.opening:
			s.openNextLocked(ctx)
		case s.next == len(s.entries) && !s.opening && s.unread == 0:
			return nil
		default:
			s.changed.Wait()
		}
	}
	return nil
}

// openNextLocked opens the next directory; it releases mu meanwhile.
func (s *scheduler) openNextLocked(ctx context.Context) {
	s.opening = true
	order, entry := s.next, &s.entries[s.next]
	s.next++
	s.mu.Unlock()
	logs := s.p.open(ctx, order, entry)
	s.mu.Lock()
	s.opening = false
	s.unread += len(logs)
	for _, l := range logs {
		s.insertLocked(l)
	}
	s.changed.Broadcast()
}

func (s *scheduler) insertLocked(l *logWork) {
	i, _ := slices.BinarySearchFunc(s.idle, l, func(a, b *logWork) int { return a.dir.order - b.dir.order })
	s.idle = slices.Insert(s.idle, i, l)
}

// release gives a log's turn back.
func (s *scheduler) release(l *logWork) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insertLocked(l)
	s.changed.Signal()
}

// retire records that a log's last block has been read. Nobody gets its turn again.
func (s *scheduler) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread--
	s.changed.Broadcast()
}

// endUnread ends the logs that a stopped run has not read to their end. The
// workers must have returned.
func (s *scheduler) endUnread() {
	for _, l := range s.idle {
		_ = l.reader.close()
		l.dir.endLog(l, l.batch.read.position, nil, errStopped)
	}
	s.idle = nil
}
