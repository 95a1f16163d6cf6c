package cull

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// Execute deletes the planned directories and counts them in the plan. It examines each
// directory again under its lock. When ctx ends, Execute ends early; a directory that is
// then half deleted stays a leftover.
func (p *Plan) Execute(ctx context.Context) {
	c := p.culler
	var g errgroup.Group
	g.SetLimit(c.Workers)
	for _, planned := range p.Items {
		if ctx.Err() != nil {
			p.space.add(planned.Root, planned.Disk)
			continue
		}
		g.Go(func() error {
			item, err := c.cull(ctx, planned)
			c.recordOutcome(ctx, item.Entry, err)
			if err != nil {
				p.space.add(planned.Root, planned.Disk)
				return nil
			}
			c.tally.add(item.Root, Counts{Directories: 1, Bytes: item.Bytes})
			c.Log.InfoContext(ctx, "directory_culled", item.attrs(c.now)...)
			return nil
		})
	}
	_ = g.Wait()
}

// cull examines one directory under its lock and deletes it. The returned item
// describes the directory as it was when it was deleted.
func (c *culler) cull(ctx context.Context, item Item) (Item, error) {
	if err := ctx.Err(); err != nil {
		return item, err
	}
	d, err := logdir.Open(item.Entry)
	if err != nil {
		return item, err
	}
	defer d.Close()
	current, err := item.rule(ctx, d)
	if err == nil && current == nil {
		err = errNotDue
	}
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
	item.warnNeverSent(ctx, c.Log)
	if item.Why == Leftover {
		_, err := d.Delete(ctx)
		return item, err
	}
	return item, moveAndDelete(ctx, d)
}

// moveAndDelete renames a directory out of the way and deletes it. If nothing could be
// deleted, the directory gets its name back. On a full disk, which has no room for the other
// name, the directory is deleted under its own name.
func moveAndDelete(ctx context.Context, d *logdir.Dir) error {
	err := d.MoveAway()
	if errors.Is(err, logdir.ErrNoRoom) {
		if err := verifyBeforeDelete(ctx, d); err != nil {
			return err
		}
		return d.DeleteInPlace(ctx)
	}
	if err != nil {
		return err
	}
	begun := false // whether a file was deleted; if so, the directory stays a leftover
	if err = verifyBeforeDelete(ctx, d); err == nil {
		begun, err = d.Delete(ctx)
	}
	if err == nil || begun {
		return err
	}
	if backErr := d.MoveBack(); backErr != nil {
		// recordOutcome must see backErr alone: the directory was not kept, whatever err is.
		return fmt.Errorf("%v; the directory was moved to %s and cannot be moved back: %w", err, d.Path(), backErr) //nolint:errorlint // see above
	}
	return err
}

// verifyBeforeDelete checks the mark and the logs of a directory once more, right before they
// are deleted: Tstat may have written to the logs until then.
func verifyBeforeDelete(ctx context.Context, d *logdir.Dir) error {
	mark, err := markOf(d)
	if err != nil {
		return err
	}
	if mark.Kind == logdir.None {
		return &keepError{cause: errors.New("its mark has been removed"), as: asUnmarked}
	}
	return verifySent(ctx, d, mark)
}
