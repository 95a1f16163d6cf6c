package cull

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// Execute deletes the planned directories and counts them in the plan. It examines each
// directory again under its lock. When ctx ends, Execute ends early, between two
// deletions.
func Execute(ctx context.Context, plan *Plan, o Options) {
	p := &planner{Options: o, now: plan.now, began: plan.began, tally: plan.tally}
	var g errgroup.Group
	g.SetLimit(o.Workers)
	for _, planned := range plan.Items {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			item, err := p.cull(ctx, planned)
			p.recordOutcome(ctx, item.Entry, err)
			if err != nil {
				plan.space.notDeleted(planned)
				return nil
			}
			p.tally.add(item.Root, Counts{Directories: 1, Bytes: item.Bytes})
			p.Log.InfoContext(ctx, "directory_culled", item.attrs(p.now)...)
			return nil
		})
	}
	_ = g.Wait()
}

// cull examines one directory under its lock and deletes it. The returned item
// describes the directory as it was when it was deleted.
func (p *planner) cull(ctx context.Context, item Item) (Item, error) {
	if err := ctx.Err(); err != nil {
		return item, err
	}
	d, err := logdir.Open(item.Entry)
	if err != nil {
		return item, err
	}
	defer d.Close()
	current, err := p.recheck(ctx, d, item)
	if err != nil {
		return item, err
	}
	item = *current
	if item.Why == Unfinished {
		if err := d.MoveBack(); err != nil {
			return item, err
		}
		return item, &keepError{cause: fmt.Errorf("the directory holds unsent rows, and got its name back: %s", d.Name), as: asChanged}
	}
	item.warnNeverSent(ctx, p.Log)
	if item.Why == Leftover {
		_, err := d.Delete(ctx)
		return item, err
	}
	err = d.MoveAway()
	inPlace := errors.Is(err, logdir.ErrNoRoom) // a full disk has no room for the other name
	if err != nil && !inPlace {
		return item, err
	}
	err = p.verifyMoved(ctx, d)
	begun := false // whether a file was deleted; if so, the directory stays a leftover
	switch {
	case err != nil:
	case inPlace:
		begun, err = d.DeleteInPlace(ctx)
	default:
		begun, err = d.Delete(ctx)
	}
	if err == nil || begun || inPlace {
		return item, err
	}
	if backErr := d.MoveBack(); backErr != nil {
		return item, fmt.Errorf("%w; the directory was moved to %s and cannot be moved back: %w", err, d.Path(), backErr)
	}
	return item, err
}

// recheck examines a directory again, as MakePlan did.
func (p *planner) recheck(ctx context.Context, d *logdir.Dir, item Item) (*Item, error) {
	var current *Item
	var err error
	switch item.Why {
	case Leftover, Unfinished:
		current, err = p.leftover(ctx, d)
	case LowSpace:
		current, err = p.expiredForSpace(ctx, d)
	default:
		current, err = p.expired(ctx, d)
	}
	if err == nil && current == nil {
		err = errNotDue
	}
	return current, err
}

// verifyMoved checks the mark and the logs of a directory once more, right before they
// are deleted: Tstat may have written to the logs until then.
func (p *planner) verifyMoved(ctx context.Context, d *logdir.Dir) error {
	mark, err := markOf(d)
	if err != nil {
		return err
	}
	if mark.Kind == logdir.None {
		return &keepError{cause: errors.New("its mark has been removed"), as: asUnmarked}
	}
	return verifySent(ctx, d, mark)
}
