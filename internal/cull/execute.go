package cull

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// Execute deletes what is planned. Each directory is examined again under its
// lock. It ends early, between two deletions, when ctx does.
func Execute(ctx context.Context, plan *Plan, o Options) Result {
	p := &planner{Options: o, now: plan.now}
	r := Result{Unsent: plan.Unsent, Failed: plan.Failed}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(o.Workers)
	for _, item := range plan.Items {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			item, err := p.cull(ctx, item)
			mu.Lock()
			defer mu.Unlock()
			p.settle(ctx, &r, item, err)
			return nil
		})
	}
	_ = g.Wait()
	return r
}

// settle books what became of an item.
func (p *planner) settle(ctx context.Context, r *Result, item Item, err error) {
	switch keep, kept := errors.AsType[*keepError](err); {
	case err == nil:
		r.Directories++
		r.Bytes += item.Bytes
		p.Log.DebugContext(ctx, "culled", item.attrs(p.now)...)
	case errors.Is(err, logdir.ErrVanished), errors.Is(err, errNotDue), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		p.Log.DebugContext(ctx, "skipped", "directory", item.Path(), "reason", err)
	case errors.Is(err, logdir.ErrLocked):
		r.Locked++
		p.Log.DebugContext(ctx, "skipped", "directory", item.Path(), "reason", err)
	case kept:
		if keep.unsent {
			r.Unsent++
		}
		p.Log.WarnContext(ctx, "kept", "directory", item.Path(), "reason", keep.reason)
	default:
		r.Failed++
		p.Log.ErrorContext(ctx, "failed", "directory", item.Path(), "error", err)
	}
}

var errNotDue = errors.New("marked anew, or taken out of the way by another run")

// cull examines one directory under its lock and deletes it. The item it
// returns has what was there in the end.
func (p *planner) cull(ctx context.Context, item Item) (Item, error) {
	if err := ctx.Err(); err != nil {
		return item, err
	}
	d, err := logdir.Open(item.Entry)
	if err != nil {
		return item, err
	}
	defer d.Close()
	again, err := p.again(ctx, d, item)
	if err != nil {
		return item, err
	}
	item = *again
	switch item.Why {
	case Unfinished:
		if err := d.MoveBack(); err != nil {
			return item, err
		}
		return item, &keepError{reason: "it holds unsent rows and has its name back: " + d.Name, unsent: true}
	case Expired, Short:
		if err := d.MoveAway(); err != nil {
			return item, err
		}
		if err := p.stillSent(ctx, d); err != nil {
			return item, err
		}
	}
	return item, d.Delete(ctx)
}

// again examines a directory as the plan did.
func (p *planner) again(ctx context.Context, d *logdir.Dir, item Item) (*Item, error) {
	var again *Item
	var err error
	switch item.Why {
	case Leftover, Unfinished:
		again, err = p.leftover(ctx, d)
	case Short:
		again, err = p.early(ctx, d)
	default:
		again, err = p.expired(ctx, d)
	}
	if err == nil && again == nil {
		err = errNotDue
	}
	return again, err
}

// stillSent looks once more at a directory that was moved away; one to which
// more was written meanwhile gets its name back.
func (p *planner) stillSent(ctx context.Context, d *logdir.Dir) error {
	mark, err := markOf(d)
	if err == nil && mark.Kind == logdir.None {
		err = &keepError{reason: "its mark has gone", unsent: true}
	}
	if err == nil {
		err = sent(ctx, d, mark)
	}
	if err == nil {
		return nil
	}
	if back := d.MoveBack(); back != nil {
		return fmt.Errorf("%w; it was moved to %s and cannot be moved back: %w", err, d.Path(), back)
	}
	return err
}
