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
	LowSpace Why = "min_free" // the disk lacks space, and the directory is one of the oldest
	Leftover Why = "leftover" // an earlier run did not finish deleting the directory
	// Unfinished is a leftover that holds unsent rows: it is not deleted, but gets
	// its name back.
	Unfinished Why = "unfinished"
)

// Item is a directory to delete, or to move back if Why is Unfinished.
type Item struct {
	logdir.Entry
	Why    Why
	Marked time.Time // zero for a leftover without a mark
	logdir.Usage

	rule rule // by which the item came into the plan; applied again under the lock
}

// Plan is the list of directories to delete, in order.
type Plan struct {
	Items  []Item
	culler *culler
	roots  []*logdir.Root
	// unreadable holds the errors of roots that could not be read to their end, or whose
	// free space is unknown.
	unreadable map[*logdir.Root]error
	space      *spaceLacking
}

// Counts returns the counts of one root.
func (p *Plan) Counts(root *logdir.Root) Counts { return p.culler.tally.get(root) }

// Print logs the directories to delete, and counts them as deleted. It takes no lock.
func (p *Plan) Print(ctx context.Context) {
	c := p.culler
	locks := logdir.ReadLocks()
	for _, item := range p.Items {
		if err := locks.Check(item.Entry); err != nil {
			c.recordLock(ctx, item.Entry, err)
			p.space.add(item.Root, item.Disk)
			continue
		}
		if item.Why == Unfinished {
			c.tally.add(item.Root, asChanged)
			c.Log.InfoContext(ctx, "would_move_back", item.attrs(c.now)...)
			continue
		}
		c.tally.add(item.Root, Counts{Directories: 1, Bytes: item.Bytes})
		item.warnNeverSent(ctx, c.Log)
		c.Log.InfoContext(ctx, "would_cull", item.attrs(c.now)...)
	}
}

func (i Item) attrs(now time.Time) []any {
	attrs := []any{"directory", i.Path(), "why", string(i.Why), "bytes", i.Bytes}
	if !i.Marked.IsZero() {
		attrs = append(attrs, "age", now.Sub(i.Marked).Round(time.Second))
	}
	return attrs
}

// warnNeverSent warns of the files in NeverSent, which are deleted with the directory.
func (i Item) warnNeverSent(ctx context.Context, log *slog.Logger) {
	for _, file := range i.NeverSent {
		log.WarnContext(ctx, "file_never_sent", "directory", i.Path(), "file", file,
			"error", "the file is deleted with its directory, but tstat_send does not read files of that name",
			"hint", "keep logrotate and similar tools away from the directories of Tstat")
	}
}

// culler examines directories, for the plan and again when the plan is executed.
type culler struct {
	Options
	now   time.Time // ages are measured at this time
	began time.Time // when MakePlan was called, by the machine's clock
	tally *tally
}

func newCuller(now time.Time, o Options) *culler {
	return &culler{Options: o, now: now, began: time.Now(), tally: &tally{counts: map[*logdir.Root]Counts{}}}
}

// A rule decides whether a directory goes. It returns the item of a directory to delete,
// nil for a directory that is not due, and a *keepError for a directory that must stay.
// Any other error says why the rule could not decide, or why the directory cannot be
// deleted.
type rule func(context.Context, *logdir.Dir) (*Item, error)

// MakePlan examines the directories below the roots. Ages are measured at the time now.
// MakePlan leaves the disk as it was. When ctx ends, it returns the plan made so far.
func MakePlan(ctx context.Context, roots []*logdir.Root, now time.Time, o Options) *Plan {
	c := newCuller(now, o)
	plan := &Plan{culler: c, roots: roots, unreadable: map[*logdir.Root]error{}, space: new(spaceLacking)}
	found, leftovers, emptied := plan.find(ctx)
	for _, step := range []struct {
		entries []logdir.Entry
		rule    rule
	}{{leftovers, c.leftover}, {emptied, c.emptied}, {found, c.expired}} {
		items, err := c.examineAll(ctx, step.entries, step.rule)
		plan.Items = append(plan.Items, items...)
		if err != nil {
			return plan
		}
	}
	if o.MinFree != (Space{}) {
		_ = plan.makeRoom(ctx, found) // fails only if ctx has ended
	}
	return plan
}

// find returns the directories of logs, the leftovers, and the directories that an earlier
// run may have emptied without renaming them; each sorted.
func (p *Plan) find(ctx context.Context) (found, leftovers, emptied []logdir.Entry) {
	for _, root := range p.roots {
		entries, err := root.Find(ctx, func(path string, err error) { p.culler.notEntered(ctx, root, path, err) })
		p.culler.tally.add(root, Counts{Found: len(entries)})
		found = append(found, entries...)
		if err == nil {
			entries, err = root.FindLeftovers(ctx, func(string, error) {}) // Find reported the errors
			for _, e := range entries {
				if logdir.IsCulled(e.Name) {
					leftovers = append(leftovers, e)
				} else {
					emptied = append(emptied, e)
				}
			}
		}
		if err != nil {
			p.unreadable[root] = err
		}
	}
	logdir.Sort(found)
	logdir.Sort(leftovers)
	logdir.Sort(emptied)
	return found, leftovers, emptied
}

// notEntered logs a directory that the walk of a root did not enter, and counts it if that
// is a failure.
func (c *culler) notEntered(ctx context.Context, root *logdir.Root, path string, err error) {
	switch {
	case errors.Is(err, logdir.ErrMount):
		c.Log.WarnContext(ctx, "mount_not_entered", "directory", path, "error", err, "hint", "cull the mount in a run of its own")
		return
	case logdir.IsHarmless(path, err):
		c.Log.InfoContext(ctx, "directory_not_entered", "directory", path, "error", err)
		return
	}
	c.tally.add(root, Counts{Failed: 1})
	c.Log.ErrorContext(ctx, "directory_unreadable", withHint([]any{"directory", path, "error", err}, logdir.ReadRemedy(err))...)
}

// examineAll examines the entries by a rule, Workers at a time. It returns the items of
// the directories to delete, in the order of the entries. The error is ctx's.
func (c *culler) examineAll(ctx context.Context, entries []logdir.Entry, r rule) (items []Item, err error) {
	found := make([]*Item, len(entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	for i, e := range entries {
		g.Go(func() (err error) {
			found[i], err = c.examine(ctx, e, r)
			return err
		})
	}
	err = g.Wait()
	for _, item := range found {
		if item != nil {
			items = append(items, *item)
		}
	}
	return items, err
}

// examine examines an entry by a rule, without its lock, and records the outcome. The error
// is ctx's.
func (c *culler) examine(ctx context.Context, e logdir.Entry, r rule) (*Item, error) {
	d, err := logdir.OpenUnlocked(e)
	var item *Item
	if err == nil {
		defer d.Close()
		item, err = r(ctx, d)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.recordOutcome(ctx, e, err)
	if item != nil {
		item.rule = r
	}
	return item, nil
}
