package workers

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"tstat-transport/internal/logdir"
)

// source keeps the logs in work and gives their turns to workers.
type source struct {
	p       *pipeline
	entries []logdir.Entry

	mu      sync.Mutex
	change  *sync.Cond // one of the following, or the context, has changed
	opening bool       // a worker is opening a directory
	next    int        // index in entries of the directory that is next
	idle    []*logWork // logs whose turn nobody has, oldest directory first
	active  int        // logs that are not read to their end
}

func newSource(p *pipeline, entries []logdir.Entry) *source {
	s := &source{p: p, entries: entries}
	s.change = sync.NewCond(&s.mu)
	return s
}

// wake makes waiting workers look at the context.
func (s *source) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change.Broadcast()
}

// take waits for a log's turn: of a log in work, else of the next directory's.
// It returns nil when there is nothing left or ctx has ended.
func (s *source) take(ctx context.Context) *logWork {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil {
		switch {
		case len(s.idle) > 0:
			l := s.idle[0]
			s.idle = s.idle[1:]
			return l
		case s.next < len(s.entries) && !s.opening:
			s.opening = true
			order, entry := s.next, s.entries[s.next]
			s.next++
			s.mu.Unlock()
			logs := s.p.open(ctx, order, entry)
			s.mu.Lock()
			s.opening = false
			s.active += len(logs)
			for _, l := range logs {
				s.insert(l)
			}
			s.change.Broadcast()
		case s.next == len(s.entries) && !s.opening && s.active == 0:
			return nil
		default:
			s.change.Wait()
		}
	}
	return nil
}

func (s *source) insert(l *logWork) {
	i, _ := slices.BinarySearchFunc(s.idle, l, func(a, b *logWork) int { return a.dir.order - b.dir.order })
	s.idle = slices.Insert(s.idle, i, l)
}

// pass gives the turn back; last says that the log has been read to its end.
func (s *source) pass(l *logWork, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last {
		s.active--
		s.change.Broadcast()
		return
	}
	s.insert(l)
	s.change.Signal()
}

// abandon ends the logs that have not been read to their end, when the run is
// told to stop and no worker is left.
func (s *source) abandon() {
	for _, l := range s.idle {
		_ = l.reader.close()
		l.dir.ended(s.p, l, nil, errStopped)
	}
	s.idle = nil
}

// open takes a directory into work and returns its logs that have something
// new; none if it is to be left alone, with the reason told.
func (p *pipeline) open(ctx context.Context, order int, entry logdir.Entry) []*logWork {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	d, err := p.openDir(ctx, order, entry)
	if err != nil {
		p.dirError(entry.Path(), err)
	}
	if d == nil {
		if err == nil { // nothing in it is new
			p.Counters.Unsent.Done(entry.Path(), 0)
		}
		<-p.slots
		return nil
	}
	p.Counters.Directories.Add(1)
	p.Counters.Logs.Add(int64(len(d.logs)))
	p.enter(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release(p) // the hold of this function
	return slices.Clone(d.logs)
}

// openDir opens and locks a directory. It is nil if there is nothing to do.
func (p *pipeline) openDir(ctx context.Context, order int, entry logdir.Entry) (*dirWork, error) {
	dir, err := logdir.Open(entry)
	if err != nil {
		return nil, err
	}
	d := &dirWork{dir: dir, order: order, holds: 1, done: make(map[string]logdir.LogState)}
	if err := p.openLogs(ctx, d); err != nil {
		for _, l := range d.logs {
			_ = l.reader.close()
		}
		_ = dir.Close()
		return nil, err
	}
	if d.logs == nil && d.done == nil {
		return nil, dir.Close()
	}
	return d, nil
}

// openLogs opens what has something new. It leaves d.done nil where there is
// nothing of ours: no log, or the mark of the Python tool.
func (p *pipeline) openLogs(ctx context.Context, d *dirWork) error {
	mark, err := d.dir.ReadProcessed()
	if err != nil {
		return err
	}
	if mark.Kind == logdir.Foreign {
		d.done = nil
		return nil
	}
	if mark.Damaged != nil {
		p.Log.Warn("mark_damaged", "directory", d.dir.Path(), "error", mark.Damaged)
	}
	d.marked = mark
	unfinished, err := d.dir.ReadProcessing()
	if err != nil {
		p.Log.Warn("progress_unusable", "directory", d.dir.Path(), "error", err, "hint", "what it said was confirmed may be sent again")
	}
	logs, err := d.dir.Logs()
	if err != nil || len(logs) == 0 {
		d.done = nil
		return err
	}
	for _, log := range logs {
		err := p.openLog(ctx, d, log, mark, unfinished)
		if errors.Is(err, fs.ErrNotExist) { // deleted, or gzip has put its .gz in its place
			log.Gzip = !log.Gzip
			err = p.openLog(ctx, d, log, mark, unfinished)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			if ctx.Err() != nil {
				err = errStopped
			} else {
				p.ioError("log_unreadable", "directory", d.dir.Path(), err)
			}
			d.fail(err)
			if ls, ok := unfinished.Logs[log.Name]; ok { // holds for when it can be read again
				d.done[log.Name] = ls
			}
		}
	}
	return nil
}

func (p *pipeline) openLog(ctx context.Context, d *dirWork, log logdir.Log, mark logdir.Mark, unfinished logdir.State) error {
	file, st, err := d.dir.OpenLog(log)
	if err != nil {
		return err
	}
	from, change, err := d.dir.Resume(ctx, log, file, st, mark, unfinished)
	if err != nil {
		_ = file.Close()
		return err
	}
	switch change {
	case logdir.Unchanged:
		from.SetStat(st)
		from.Gzip = log.Gzip
		d.done[log.Name] = from
		return file.Close()
	case logdir.Replaced:
		p.Log.Warn("log_replaced", "file", file.Name(), "hint", "it is another log than the one that was sent, so it is sent whole")
	}
	reader, err := openStretches(ctx, file, st, log, from, &p.layouts)
	if err != nil && from.Position > 0 && ctx.Err() == nil {
		p.Log.Warn("log_not_resumed", "file", file.Name(), "error", err, "hint", "it is sent whole, what was sent before included")
		from = logdir.LogState{}
		reader, err = openStretches(ctx, file, st, log, from, &p.layouts)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	d.holds++
	d.logs = append(d.logs, &logWork{
		dir: d, log: log, stat: st, path: file.Name(), reader: reader,
		names: names(p.Settings.Sensor + "/" + p.instance(d.dir.Root) + "/" + d.dir.Rel + "/" + log.Name),
		from:  from.Position, at: resumed(from), after: resumed(from), confirmed: resumed(from),
		before: from,
	})
	return nil
}
