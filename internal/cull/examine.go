package cull

import (
	"context"
	"errors"
	"time"

	"tstat-transport/internal/logdir"
)

// keepError says why a directory stays that would otherwise go.
type keepError struct {
	reason string
	unsent bool // for a row that is not confirmed
}

func (e *keepError) Error() string { return "kept: " + e.reason }

// expired returns the item of a directory whose mark is old enough, nil for one
// that stays for its time, and a *keepError for one that stays all the same.
func (p *planner) expired(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	if err != nil || mark.Kind == logdir.None || !p.old(mark.Time) {
		return nil, err
	}
	return done(ctx, d, mark, Expired)
}

// old tells whether a mark has reached its time to live. One from the future,
// as a clock that was put right leaves behind, has not.
func (p *planner) old(marked time.Time) bool {
	return p.now.Sub(marked) >= p.TTL
}

// markOf is the directory's mark; one that is damaged is a reason to keep it.
func markOf(d *logdir.Dir) (logdir.Mark, error) {
	mark, err := d.ReadProcessed()
	if err == nil && mark.Damaged != nil {
		err = &keepError{reason: mark.Damaged.Error()}
	}
	return mark, err
}

// done returns the item of a directory that may go: everything in it was
// confirmed, and nothing is mounted in it.
func done(ctx context.Context, d *logdir.Dir, mark logdir.Mark, why Why) (*Item, error) {
	if err := sent(ctx, d, mark); err != nil {
		return nil, err
	}
	usage, err := d.Measure(ctx)
	if errors.Is(err, logdir.ErrMount) || errors.Is(err, logdir.ErrNested) {
		return nil, &keepError{reason: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	return &Item{Entry: d.Entry, Why: why, Marked: mark.Time, Usage: usage}, nil
}

// sent is nil where the mark holds for all that is in the directory. The
// Python tool's mark always does.
func sent(ctx context.Context, d *logdir.Dir, mark logdir.Mark) error {
	if mark.Kind != logdir.Ours {
		return nil
	}
	reason, err := d.Unsent(ctx, mark.State)
	if err == nil && reason != "" {
		err = &keepError{reason: "not all of it was sent: " + reason, unsent: true}
	}
	return err
}

// leftover returns the item of a directory that a former run moved away: one
// that is empty, or whose mark, deleted last, still holds. A writer that had a
// log open all the while may have added to it, which makes it Unfinished.
func (p *planner) leftover(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	if err != nil {
		return nil, err
	}
	if mark.Kind == logdir.None {
		if empty, err := d.IsEmpty(ctx); err != nil {
			return nil, err
		} else if !empty {
			return nil, &keepError{reason: "named like a directory that was being culled, but it has no mark"}
		}
	}
	item, err := done(ctx, d, mark, Leftover)
	if keep, ok := errors.AsType[*keepError](err); ok && keep.unsent {
		return &Item{Entry: d.Entry, Why: Unfinished, Marked: mark.Time}, nil
	}
	return item, err
}
