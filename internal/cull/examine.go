package cull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tstat-transport/internal/logdir"
)

// clockSlack is how far ahead of this machine's clock a file server's clock may
// be without a word about marks dated in the future.
const clockSlack = time.Minute

// expired returns the item of a directory whose mark is old enough, nil if the
// mark is too young, and a *keepError if the directory stays for another reason.
func (p *planner) expired(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	switch {
	case err != nil:
		return nil, err
	case mark.Kind == logdir.None:
		return nil, errUnmarked
	case mark.Time.After(p.now.Add(time.Since(p.began) + clockSlack)):
		return nil, futureError(mark.Time)
	case !p.old(mark.Time):
		return nil, nil
	}
	if hasZeros(mark) { // data may still arrive there
		changed, err := newest(d, func(st logdir.Stat) int64 { return max(st.Mtime, st.Ctime) })
		if err != nil || !p.old(changed) {
			return nil, err
		}
	}
	return examineMarked(ctx, d, mark, Expired)
}

// hasZeros reports whether zero bytes stood in a log where rows may still
// appear.
func hasZeros(mark logdir.Mark) bool {
	for _, l := range mark.State.Logs {
		if l.HasZeros() {
			return true
		}
	}
	return false
}

// newest returns the newest of the times that of picks from each log file, in
// nanoseconds since the epoch.
func newest(d *logdir.Dir, of func(logdir.Stat) int64) (last time.Time, err error) {
	files, err := d.StatFiles()
	if err != nil {
		return last, err
	}
	for _, st := range files {
		if t := time.Unix(0, of(st)); t.After(last) {
			last = t
		}
	}
	return last, nil
}

// old reports whether a mark has reached its time to live. A mark dated in the
// future, as a clock that was put right leaves behind, has not.
func (p *planner) old(marked time.Time) bool {
	return p.now.Sub(marked) >= p.TTL
}

// markOf returns the directory's mark; a damaged one is a *keepError.
func markOf(d *logdir.Dir) (logdir.Mark, error) {
	mark, err := d.ReadProcessed()
	if err == nil && mark.Damaged != nil {
		err = &keepError{cause: mark.Damaged, as: asUnmarked}
	}
	return mark, err
}

// examineMarked returns the item of a directory that may go: everything in the
// directory was confirmed, and all of it can be deleted.
func examineMarked(ctx context.Context, d *logdir.Dir, mark logdir.Mark, why Why) (*Item, error) {
	if err := verifySent(ctx, d, mark); err != nil {
		return nil, err
	}
	usage, err := d.Measure(ctx)
	switch {
	case errors.Is(err, logdir.ErrMount):
		return nil, kept(err, "unmount it, or move it elsewhere")
	case errors.Is(err, logdir.ErrNested):
		return nil, kept(err, "")
	case err != nil:
		return nil, err
	}
	return &Item{Entry: d.Entry, Why: why, Marked: mark.Time, Usage: usage}, nil
}

// verifySent returns nil if the mark holds for all logs of the directory. The
// Python tool's mark always does.
func verifySent(ctx context.Context, d *logdir.Dir, mark logdir.Mark) error {
	if mark.Kind != logdir.Ours {
		return nil
	}
	reason, err := d.Unsent(ctx, mark.State)
	if err == nil && reason != "" {
		err = &keepError{
			cause: fmt.Errorf("not all of it was sent: %s", reason),
			hint:  "the next run of tstat_send sends the rest; see whether it runs",
			as:    asChanged,
		}
	}
	return err
}

// leftover returns the item of a directory that a former run renamed: one that
// is empty, or whose mark, which is deleted last, still holds. A writer that
// still had a log open may have added to it; such a leftover is Unfinished.
func (p *planner) leftover(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	if err != nil {
		return nil, err
	}
	if mark.Kind == logdir.None {
		if empty, err := d.IsEmpty(ctx); err != nil {
			return nil, err
		} else if !empty {
			return nil, kept(errors.New("named like a directory that was being culled, but it has no mark"),
				"look at what is in it; if that was sent, remove it by hand")
		}
	}
	item, err := examineMarked(ctx, d, mark, Leftover)
	if keep, ok := errors.AsType[*keepError](err); ok && keep.as == asChanged {
		return &Item{Entry: d.Entry, Why: Unfinished, Marked: mark.Time}, nil
	}
	return item, err
}
