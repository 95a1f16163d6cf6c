package cull

import (
	"context"
	"errors"
	"log/slog"
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
	LowSpace Why = "min_free" // the disk is short of space, and the directory is the oldest
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
	now   time.Time // what ages are reckoned from
	began time.Time // the clock's time at now
	roots []*logdir.Root
	// unreadable holds why a root could not be read to its end.
	unreadable map[*logdir.Root]error
	tally      *tally
	space      *spaceLeft
}

// Counts returns the counts of one root.
func (p *Plan) Counts(root *logdir.Root) Counts { return p.tally.get(root) }

// Print logs what would go, and counts it as gone.
func (p *Plan) Print(ctx context.Context, log *slog.Logger) {
	for _, item := range p.Items {
		if item.Why == Unfinished {
			p.tally.add(item.Root, asChanged)
			log.InfoContext(ctx, "would_move_back", item.attrs(p.now)...)
			continue
		}
		p.tally.add(item.Root, Counts{Directories: 1, Bytes: item.Bytes})
		item.nameNeverSent(ctx, log)
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

// nameNeverSent names the files that go with the directory and that look like
// logs of which tstat_send knows nothing.
func (i Item) nameNeverSent(ctx context.Context, log *slog.Logger) {
	for _, file := range i.NeverSent {
		log.WarnContext(ctx, "file_never_sent", "directory", i.Path(), "file", file,
			"error", "it is deleted with its directory, and tstat_send reads no file of that name",
			"hint", "keep logrotate and the like away from the directories of Tstat")
	}
}

// planner makes a Plan and executes it.
type planner struct {
	Options
	now, began time.Time
	tally      *tally
}

// MakePlan examines the directories below the roots as of now. It changes
// nothing. It ends early, with what it has, when ctx does.
func MakePlan(ctx context.Context, roots []*logdir.Root, now time.Time, o Options) *Plan {
	p := &planner{Options: o, now: now, began: time.Now(), tally: &tally{counts: map[*logdir.Root]*Counts{}}}
	plan := &Plan{
		now: now, began: p.began, roots: roots,
		unreadable: map[*logdir.Root]error{}, tally: p.tally, space: new(spaceLeft),
	}
	var marked, leftovers []logdir.Entry
	for _, root := range roots {
		found, err := root.Find(ctx, func(path string, err error) { p.notEntered(ctx, root, path, err) })
		p.tally.add(root, Counts{Found: len(found)})
		marked = append(marked, found...)
		if err == nil {
			found, err = root.FindCulled(ctx, func(string, error) {}) // Find reported them
			leftovers = append(leftovers, found...)
		}
		if err != nil {
			plan.unreadable[root] = err
		}
	}
	logdir.Sort(marked)
	logdir.Sort(leftovers)

	items, err := p.examineAll(ctx, leftovers, p.leftover)
	plan.Items = items
	if err == nil {
		items, err = p.examineAll(ctx, marked, p.expired)
		plan.Items = append(plan.Items, items...)
	}
	if err == nil && o.MinFree != (Space{}) {
		_ = p.makeRoom(ctx, marked, plan) // its error is ctx's
	}
	return plan
}

// notEntered logs and counts what the walk of a root could not enter.
func (p *planner) notEntered(ctx context.Context, root *logdir.Root, path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrMount):
		p.Log.WarnContext(ctx, "mount_not_entered", "directory", path, "error", err, "hint", "give it a -d of its own")
		return
	case logdir.IsHint(path, err):
		p.Log.InfoContext(ctx, "directory_not_entered", "directory", path, "error", err)
		return
	}
	p.tally.add(root, Counts{Failed: 1})
	p.Log.ErrorContext(ctx, "directory_unreadable", "directory", path, "error", err)
}

// examineAll calls examine for each entry, p.Workers at a time, and returns
// what goes in the order of the entries. Outcomes are recorded; the error is
// ctx's.
func (p *planner) examineAll(ctx context.Context, entries []logdir.Entry,
	examine func(context.Context, *logdir.Dir) (*Item, error),
) ([]Item, error) {
	found := make([]*Item, len(entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.Workers)
	for i, e := range entries {
		g.Go(func() error {
			item, err := p.examine(ctx, e, examine)
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

// examine opens an entry without its lock, calls how and records the outcome.
// The error is ctx's.
func (p *planner) examine(ctx context.Context, e logdir.Entry,
	how func(context.Context, *logdir.Dir) (*Item, error),
) (*Item, error) {
	d, err := logdir.OpenUnlocked(e)
	var item *Item
	if err == nil {
		defer d.Close()
		item, err = how(ctx, d)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p.recordOutcome(ctx, e, err)
	return item, nil
}
