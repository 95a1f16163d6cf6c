package cull

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// Options say which directories to delete.
type Options struct {
	TTL     time.Duration // how long a directory is kept after it was marked; at least 0
	MinFree Space         // how much of the disk must be free; zero: any amount
	Workers int           // how many directories are worked on at a time; at least 1
	DryRun  bool          // only print the plan
	Log     *slog.Logger
}

// Why is the reason to delete a directory.
type Why string

const (
	Expired  Why = "ttl"      // the directory's mark is old enough
	LowSpace Why = "min_free" // the disk lacks space, and the directory is the oldest
	Leftover Why = "leftover" // an earlier run did not finish deleting the directory
	// Unfinished is a leftover that holds unsent rows: it is not deleted, but gets
	// its name back.
	Unfinished Why = "unfinished"
)

// Item is a directory to delete.
type Item struct {
	logdir.Entry
	Why    Why
	Marked time.Time // zero for a leftover without a mark
	logdir.Usage
}

// Plan is the list of directories to delete, in order.
type Plan struct {
	Items []Item
	now   time.Time // ages are measured at this time
	began time.Time // when MakePlan was called, by the machine's clock
	roots []*logdir.Root
	// unreadable holds the errors of roots that could not be read to their end.
	unreadable map[*logdir.Root]error
	tally      *tally
	space      *spaceLacking
}

// Counts returns the counts of one root.
func (p *Plan) Counts(root *logdir.Root) Counts { return p.tally.get(root) }

// Print logs the directories to delete, and counts them as deleted. It takes no lock.
func (p *Plan) Print(ctx context.Context, log *slog.Logger) {
	locks := logdir.ReadLocks()
	for _, item := range p.Items {
		if err := locks.Check(item.Entry); err != nil {
			p.tally.addLocked(ctx, log, item.Entry, err)
			p.space.notDeleted(item)
			continue
		}
		if item.Why == Unfinished {
			p.tally.add(item.Root, asChanged)
			log.InfoContext(ctx, "would_move_back", item.attrs(p.now)...)
			continue
		}
		p.tally.add(item.Root, Counts{Directories: 1, Bytes: item.Bytes})
		item.warnNeverSent(ctx, log)
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

// warnNeverSent warns of each file that is deleted with the directory and looks like a
// log, but has a name that tstat_send does not read.
func (i Item) warnNeverSent(ctx context.Context, log *slog.Logger) {
	for _, file := range i.NeverSent {
		log.WarnContext(ctx, "file_never_sent", "directory", i.Path(), "file", file,
			"error", "the file is deleted with its directory, but tstat_send does not read files of that name",
			"hint", "keep logrotate and similar tools away from the directories of Tstat")
	}
}

// planner makes a Plan and executes it.
type planner struct {
	Options
	now, began time.Time
	tally      *tally
}

// MakePlan examines the directories below the roots. Ages are measured at the time now.
// MakePlan changes nothing on disk. When ctx ends, it returns the plan made so far.
func MakePlan(ctx context.Context, roots []*logdir.Root, now time.Time, o Options) *Plan {
	p := &planner{Options: o, now: now, began: time.Now(), tally: &tally{counts: map[*logdir.Root]*Counts{}}}
	plan := &Plan{
		now: now, began: p.began, roots: roots,
		unreadable: map[*logdir.Root]error{}, tally: p.tally, space: new(spaceLacking),
	}
	var marked, leftovers, emptied []logdir.Entry
	for _, root := range roots {
		found, err := root.Find(ctx, func(path string, err error) { p.notEntered(ctx, root, path, err) })
		p.tally.add(root, Counts{Found: len(found)})
		marked = append(marked, found...)
		if err == nil {
			found, err = root.FindLeftovers(ctx, func(string, error) {}) // Find reported the errors
			for _, e := range found {
				if logdir.IsCulled(e.Name) {
					leftovers = append(leftovers, e)
				} else {
					emptied = append(emptied, e)
				}
			}
		}
		if err != nil {
			plan.unreadable[root] = err
		}
	}
	logdir.Sort(marked)
	logdir.Sort(leftovers)
	logdir.Sort(emptied)

	items, err := p.examineAll(ctx, leftovers, p.leftover)
	plan.Items = items
	if err == nil {
		items, err = p.examineAll(ctx, emptied, p.emptied)
		plan.Items = append(plan.Items, items...)
	}
	if err == nil {
		items, err = p.examineAll(ctx, marked, p.expired)
		plan.Items = append(plan.Items, items...)
	}
	if err == nil && o.MinFree != (Space{}) {
		_ = p.makeRoom(ctx, marked, plan) // fails only if ctx has ended
	}
	return plan
}

// notEntered logs and counts a directory that the walk of a root did not enter.
func (p *planner) notEntered(ctx context.Context, root *logdir.Root, path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrMount):
		p.Log.WarnContext(ctx, "mount_not_entered", "directory", path, "error", err, "hint", "name the mount with its own -d")
		return
	case logdir.IsHint(path, err):
		p.Log.InfoContext(ctx, "directory_not_entered", "directory", path, "error", err)
		return
	}
	p.tally.add(root, Counts{Failed: 1})
	p.Log.ErrorContext(ctx, "directory_unreadable", withHint([]any{"directory", path, "error", err}, logdir.ReadRemedy(err))...)
}

// examineAll calls examine for each entry, p.Workers at a time, and records the
// outcomes. It returns the items of the directories to delete, in the order of the
// entries. The error is ctx's.
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

// examine opens an entry without its lock, calls how, and records the outcome. The
// error is ctx's.
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
