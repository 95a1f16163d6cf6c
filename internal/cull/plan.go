package cull

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// Options say what goes.
type Options struct {
	TTL     time.Duration // since a directory was marked, not negative
	MinFree Space         // zero: however full the disk is
	Workers int           // directories at a time, at least 1
	DryRun  bool          // only print the plan
	Log     *slog.Logger
}

// Why says why a directory goes.
type Why string

const (
	Expired  Why = "ttl"      // its mark is old enough
	Short    Why = "min_free" // the disk is short, and it is the oldest
	Leftover Why = "leftover" // a former run did not finish deleting it
	// Unfinished is a leftover that turned out to hold unsent rows: it gets its
	// name back.
	Unfinished Why = "unfinished"
)

// Item is a directory that goes.
type Item struct {
	logdir.Entry
	Why    Why
	Marked time.Time // zero for a leftover without a mark
	logdir.Usage
}

// Plan is what goes, in the order in which it is to go.
type Plan struct {
	Items []Item
	// Unsent directories would go, were there no rows left to be sent.
	Unsent int
	// Failed directories could not be examined; the reason was logged.
	Failed int
	now    time.Time
}

// Print logs what would go.
func (p *Plan) Print(ctx context.Context, log *slog.Logger) {
	for _, item := range p.Items {
		if item.Why == Unfinished {
			log.InfoContext(ctx, "would_move_back", item.attrs(p.now)...)
			continue
		}
		log.InfoContext(ctx, "would_cull", item.attrs(p.now)...)
	}
}

func (i Item) attrs(now time.Time) []any {
	attrs := []any{"directory", i.Path(), "why", string(i.Why), "bytes", i.Bytes}
	if !i.Marked.IsZero() {
		attrs = append(attrs, "age", now.Sub(i.Marked).Round(time.Second))
	}
	return attrs
}

// planner makes a Plan. Its counters are shared by the goroutines that examine.
type planner struct {
	Options
	now            time.Time
	unsent, failed atomic.Int64
}

// MakePlan examines the directories below the roots as of now. It changes
// nothing. Its error is that of a root that cannot be read, or ctx's; the plan
// then holds what the other roots gave.
func MakePlan(ctx context.Context, roots []*logdir.Root, now time.Time, o Options) (*Plan, error) {
	p := &planner{Options: o, now: now}
	var marked, leftovers []logdir.Entry
	var failed error
	report := func(path string, err error) {
		if errors.Is(err, logdir.ErrMount) {
			p.Log.WarnContext(ctx, "not_entered", "directory", path, "reason", err, "remedy", "name it with a -d of its own")
			return
		}
		p.failed.Add(1)
		p.Log.ErrorContext(ctx, "unreadable", "directory", path, "error", err)
	}
	for _, root := range roots {
		found, err := root.Find(ctx, report)
		marked = append(marked, found...)
		if err == nil {
			found, err = root.FindCulled(ctx, func(string, error) {}) // told by Find
			leftovers = append(leftovers, found...)
		}
		failed = errors.Join(failed, err)
	}
	logdir.Sort(marked)
	logdir.Sort(leftovers)

	plan := &Plan{now: now}
	items, err := p.examineAll(ctx, leftovers, p.leftover)
	failed = errors.Join(failed, err)
	plan.Items = append(plan.Items, items...)
	items, err = p.examineAll(ctx, marked, p.expired)
	failed = errors.Join(failed, err)
	plan.Items = append(plan.Items, items...)
	if o.MinFree != (Space{}) {
		failed = errors.Join(failed, p.makeRoom(ctx, roots, marked, plan))
	}
	plan.Unsent, plan.Failed = int(p.unsent.Load()), int(p.failed.Load())
	return plan, failed
}

// examineAll calls examine for each entry, some at a time, and returns what
// goes in the order of the entries.
func (p *planner) examineAll(ctx context.Context, entries []logdir.Entry,
	examine func(context.Context, *logdir.Dir) (*Item, error),
) ([]Item, error) {
	found := make([]*Item, len(entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.Workers)
	for i, e := range entries {
		g.Go(func() error {
			item, err := p.look(ctx, e, examine)
			found[i] = item
			return err
		})
	}
	err := g.Wait()
	var items []Item
	for _, item := range found {
		if item != nil {
			items = append(items, *item)
		}
	}
	return items, err
}

// look opens an entry without its lock and examines it. What goes wrong with
// the directory is logged and counted; the error is ctx's.
func (p *planner) look(ctx context.Context, e logdir.Entry,
	examine func(context.Context, *logdir.Dir) (*Item, error),
) (*Item, error) {
	d, err := logdir.OpenUnlocked(e)
	var item *Item
	if err == nil {
		defer d.Close()
		item, err = examine(ctx, d)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	switch keep, ok := errors.AsType[*keepError](err); {
	case err == nil || errors.Is(err, logdir.ErrVanished):
	case ok:
		p.Log.WarnContext(ctx, "kept", "directory", e.Path(), "reason", keep.reason)
		if keep.unsent {
			p.unsent.Add(1)
		}
	default:
		p.failed.Add(1)
		p.Log.ErrorContext(ctx, "failed", "directory", e.Path(), "error", err)
	}
	return item, nil
}
