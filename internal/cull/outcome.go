package cull

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// Counts are numbers of directories.
type Counts struct {
	Found       int   // directories of logs
	Directories int   // deleted; in a dry run, those that would be
	Bytes       int64 // sizes of the files in them
	Unmarked    int   // without a mark, or with a damaged mark
	Changed     int   // due, but a log has changed since the mark and may hold unsent rows
	Kept        int   // kept for another reason: a mount inside, a mark dated in the future
	Locked      int   // skipped, since another process has locked them
	Failed      int   // not examined, or not deleted completely, because of an error
}

func (c *Counts) add(o Counts) {
	c.Found += o.Found
	c.Directories += o.Directories
	c.Bytes += o.Bytes
	c.Unmarked += o.Unmarked
	c.Changed += o.Changed
	c.Kept += o.Kept
	c.Locked += o.Locked
	c.Failed += o.Failed
}

// tally holds the Counts of each root. Its methods may be called from many
// goroutines at once.
type tally struct {
	mu     sync.Mutex
	counts map[*logdir.Root]Counts
}

func (t *tally) add(root *logdir.Root, more Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts[root]
	c.add(more)
	t.counts[root] = c
}

func (t *tally) get(root *logdir.Root) Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[root]
}

// keepError is the reason to keep a directory.
type keepError struct {
	cause error
	hint  string // what to do about it; may be empty
	as    Counts // how it is counted
}

func (e *keepError) Error() string { return "kept: " + e.cause.Error() }

func (e *keepError) Unwrap() error { return e.cause }

// The ways to count a directory that is kept.
var (
	asUnmarked = Counts{Unmarked: 1}
	asChanged  = Counts{Changed: 1}
	asKept     = Counts{Kept: 1}
)

func kept(cause error, hint string) *keepError {
	return &keepError{cause: cause, hint: hint, as: asKept}
}

var (
	errNotDue   = errors.New("the directory has changed since the plan was made, and is no longer due")
	errUnmarked = &keepError{cause: errors.New("it has no mark"), as: asUnmarked}
)

// recordOutcome counts and logs err, the reason why a directory is not in the plan or
// was not deleted. It does nothing if err is nil.
func (c *culler) recordOutcome(ctx context.Context, e logdir.Entry, err error) {
	keep, isKept := errors.AsType[*keepError](err)
	undeletable, isUndeletable := errors.AsType[*logdir.UndeletableError](err)
	switch {
	case err == nil:
	case keep == errUnmarked: // the usual state of a directory that waits to be sent
		c.tally.add(e.Root, keep.as)
	case errors.Is(err, logdir.ErrVanished), errors.Is(err, errNotDue), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		c.Log.InfoContext(ctx, "directory_skipped", "directory", e.Path(), "error", err)
	case errors.Is(err, logdir.ErrLocked):
		c.recordLock(ctx, e, err)
	case isKept:
		c.tally.add(e.Root, keep.as)
		c.Log.WarnContext(ctx, "directory_kept", withHint([]any{"directory", e.Path(), "error", keep.cause}, keep.hint)...)
	case isUndeletable:
		c.tally.add(e.Root, Counts{Failed: 1})
		c.Log.ErrorContext(ctx, "directory_undeletable", withHint([]any{"directory", e.Path(), "error", err}, undeletable.Hint)...)
	default:
		c.tally.add(e.Root, Counts{Failed: 1})
		hint := logdir.ReadRemedy(err)
		if errors.Is(err, unix.EEXIST) { // of MoveBack; fs.ErrExist is also ENOTEMPTY
			hint = "Tstat has made the directory anew: give the leftover another name that ends in .out, so that tstat_send sends it"
		}
		c.Log.ErrorContext(ctx, "directory_not_culled", withHint([]any{"directory", e.Path(), "error", err}, hint)...)
	}
}

// recordLock counts and logs a directory that another process has locked. err is its ErrLocked.
func (c *culler) recordLock(ctx context.Context, e logdir.Entry, err error) {
	c.tally.add(e.Root, Counts{Locked: 1})
	c.Log.InfoContext(ctx, "directory_skipped", "directory", e.Path(), "error", err, "hint", logdir.LockRemedy(err))
}

func withHint(attrs []any, hint string) []any {
	if hint == "" {
		return attrs
	}
	return append(attrs, "hint", hint)
}
