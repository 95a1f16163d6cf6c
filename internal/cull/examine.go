package cull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tstat-transport/internal/logdir"
)

// clockSlack is how far a mark may be dated in the future without a warning, since
// the clock of a file server may be ahead of this machine's clock.
const clockSlack = time.Minute

// expired is the rule for a directory that goes when its mark is as old as the TTL. If a log
// had zero bytes when it was marked, the logs must have been unchanged for the TTL, too.
func (c *culler) expired(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	switch {
	case err != nil:
		return nil, err
	case mark.Kind == logdir.None:
		return nil, errUnmarked
	case mark.Time.After(c.currentTime().Add(clockSlack)):
		return nil, kept(fmt.Errorf("its mark is dated in the future: %s", mark.Time.Format(time.RFC3339)),
			"correct the clock, then touch the directory's .processed")
	case !c.old(mark.Time):
		return nil, nil
	}
	if hasZeros(mark) { // data may still arrive in place of the zero bytes
		changed, err := newest(d, func(st logdir.Stat) int64 { return max(st.Mtime, st.Ctime) })
		if err != nil || !c.old(changed) {
			return nil, err
		}
	}
	return examineMarked(ctx, d, mark, Expired)
}

// currentTime returns now plus the time since MakePlan was called, in which tstat_send may
// have marked a directory.
func (c *culler) currentTime() time.Time { return c.now.Add(time.Since(c.began)) }

// emptied is like expired, for a directory without a log. It returns an item only if
// nothing but the mark is left: an earlier run died while it deleted the directory in
// place. Any other directory without a log is not a directory of logs, and stays.
func (c *culler) emptied(ctx context.Context, d *logdir.Dir) (*Item, error) {
	onlyMark, err := d.HoldsOnlyMark(ctx)
	if err != nil || !onlyMark {
		return nil, err
	}
	return c.expired(ctx, d)
}

// hasZeros reports whether a log had zero bytes when it was marked.
func hasZeros(mark logdir.Mark) bool {
	for _, l := range mark.State.Logs {
		if l.HasZeros() {
			return true
		}
	}
	return false
}

// newest returns the latest of the times of all log files. timeOf returns the time of one
// file, in nanoseconds since the epoch.
func newest(d *logdir.Dir, timeOf func(logdir.Stat) int64) (last time.Time, err error) {
	files, err := d.StatFiles()
	if err != nil {
		return last, err
	}
	for _, st := range files {
		if t := time.Unix(0, timeOf(st)); t.After(last) {
			last = t
		}
	}
	return last, nil
}

// old reports whether t is the TTL ago, or longer. A time in the future, from a clock
// that has been corrected since, is never old.
func (c *culler) old(t time.Time) bool { return c.now.Sub(t) >= c.TTL }

// markOf returns the directory's mark. A damaged mark is a *keepError.
func markOf(d *logdir.Dir) (logdir.Mark, error) {
	mark, err := d.ReadProcessed()
	if err == nil && mark.Damaged != nil {
		err = &keepError{cause: mark.Damaged, as: asUnmarked}
	}
	return mark, err
}

// examineMarked returns the item of a directory if everything in it was confirmed and can
// be deleted, else an error.
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

// verifySent returns nil if the mark covers all rows of the directory's logs. A mark
// of the Python tool always counts as covering them. The caller must have refused a
// directory that has no mark, unless the directory is empty.
func verifySent(ctx context.Context, d *logdir.Dir, mark logdir.Mark) error {
	if mark.Kind != logdir.Ours {
		return nil
	}
	reason, err := d.Unsent(ctx, mark.State)
	if err == nil && reason != "" {
		err = &keepError{
			cause: fmt.Errorf("not all of it was sent: %s", reason),
			hint:  "the next run of tstat_send sends the rest; check that tstat_send runs",
			as:    asChanged,
		}
	}
	return err
}

// leftover returns the item of a directory that an earlier run renamed. Since the mark is
// deleted last, the directory must be empty or have a mark. If the mark no longer covers
// all rows, because a writer held a log open, the item is Unfinished.
func (c *culler) leftover(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := markOf(d)
	if err != nil {
		return nil, err
	}
	if mark.Kind == logdir.None {
		if empty, err := d.IsEmpty(ctx); err != nil {
			return nil, err
		} else if !empty {
			return nil, kept(errors.New("the directory is named like a leftover of tstat_cull, but has no mark"),
				"look into the directory, and remove it by hand if its logs were sent")
		}
	}
	item, err := examineMarked(ctx, d, mark, Leftover)
	if keep, ok := errors.AsType[*keepError](err); ok && keep.as == asChanged {
		return &Item{Entry: d.Entry, Why: Unfinished, Marked: mark.Time}, nil
	}
	return item, err
}
