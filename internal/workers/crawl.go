package workers

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
)

// Survey returns the directories that Run would open, counts what Run would send, and
// sends nothing.
func Survey(ctx context.Context, o Options) ([]logdir.Entry, Outcome, error) {
	p := &pipeline{Options: o}
	entries, err := p.crawl(ctx, o.Roots)
	return entries, p.outcome, err
}

// crawl returns the directories of all roots that may have something to send,
// oldest first. It logs each root that cannot be read, and continues with the others. The
// error joins the errors of these roots, or is ctx's.
func (p *pipeline) crawl(ctx context.Context, roots []*logdir.Root) ([]logdir.Entry, error) {
	began := time.Now()
	defer func() { p.Counters.Spend(report.Crawl, began) }()
	var entries []logdir.Entry
	var unreadable error
	for _, root := range roots {
		found, err := root.Find(ctx, p.notEntered)
		if err != nil && ctx.Err() == nil {
			p.Log.Error("root_unreadable", "root", root.Path, "error", err, "hint", logdir.RootRemedy)
		}
		unreadable = errors.Join(unreadable, err)
		if err == nil {
			logdir.Sort(found)
			p.Counters.Crawled(root.Path, len(found), newestStart(found))
		}
		p.Counters.Found.Add(int64(len(found)))
		if p.Resend != nil {
			starts, selected := p.inSpan(root, found)
			if err == nil {
				p.logMissing(root, starts)
			}
			found = selected
		}
		if len(roots) == 1 {
			entries = found // saves a copy: a root may have very many directories
		} else {
			entries = append(entries, found...)
		}
	}
	logdir.Sort(entries)
	rest, err := p.pending(ctx, entries)
	return rest, errors.Join(unreadable, err)
}

// newestStart returns when Tstat started the newest of sorted directories; the zero time if
// that is unknown. A directory whose name has no time counts only if no name has one: the
// directory may be a copy.
func newestStart(sorted []logdir.Entry) (newest time.Time) {
	for _, e := range slices.Backward(sorted) {
		if start, ok := logdir.Start(e.Name); ok {
			return start
		}
	}
	for _, e := range sorted {
		if _, since := logdir.Backlog(e); since.After(newest) {
			newest = since
		}
	}
	return newest
}

// examine reports whether a directory is done, that is, has nothing to send. It records
// a directory that is not done as unsent.
func (p *pipeline) examine(e logdir.Entry) (done bool) {
	var bytes int64
	var since time.Time
	switch {
	case p.Resend != nil:
		bytes, since = logdir.Size(e)
	case logdir.UpToDate(e):
		return true
	default:
		bytes, since = logdir.Backlog(e)
	}
	p.Counters.Unsent.Found(e.Path(), bytes, since)
	return false
}

// pending returns the directories that are not done; in a resend, all directories.
func (p *pipeline) pending(ctx context.Context, entries []logdir.Entry) ([]logdir.Entry, error) {
	const share = 64 // entries that a goroutine takes at a time
	done := make([]bool, len(entries))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(p.Workers, len(entries)/share+1) {
		g.Go(func() error {
			for ctx.Err() == nil {
				from := int(next.Add(share)) - share
				if from >= len(entries) {
					return nil
				}
				for i := from; i < min(from+share, len(entries)); i++ {
					done[i] = p.examine(entries[i])
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	p.Counters.Unsent.Complete()
	if p.Log.Enabled(ctx, slog.LevelInfo) {
		backlog, _ := p.Counters.Unsent.Backlog()
		p.Log.Info("crawl_finished", "found", p.Counters.Found.Load(), "unsent", backlog.Directories, "backlog_bytes", backlog.Bytes)
	}
	rest := entries[:0]
	for i, e := range entries {
		if !done[i] {
			rest = append(rest, e)
		}
	}
	return rest, nil
}

// notEntered logs a directory that the crawl did not enter. A directory that may hold
// logs counts as a read error.
func (p *pipeline) notEntered(path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrLink):
		p.Log.Info("directory_not_entered", "directory", path, "error", err, "hint", "to send the directory that the link points to, name it with -d")
	case logdir.IsHarmless(path, err):
		p.Log.Info("directory_not_entered", "directory", path, "error", err)
	default:
		p.readError("directory_unreadable", "directory", path, err)
	}
}
