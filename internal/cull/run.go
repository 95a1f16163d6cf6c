package cull

import (
	"context"
	"time"

	"tstat-transport/internal/logdir"
)

// Result is what a run came to.
type Result struct {
	Directories int   // deleted; in a dry run, those that would be
	Bytes       int64 // that were in them
	Locked      int   // left alone, since another run works on them
	Unsent      int   // left alone, since they hold what was not sent
	Failed      int   // not read or not wholly deleted; the reason was logged
	Roots       int   // roots that do not exist or cannot be read; logged
}

// Run culls what is below the directories dirs as of now. It ends early,
// between two deletions, when ctx does.
func Run(ctx context.Context, dirs []string, now time.Time, o Options) Result {
	var roots []*logdir.Root
	bad := 0
	for _, dir := range dirs {
		root, err := logdir.OpenRoot(dir)
		if err != nil {
			bad++
			o.Log.ErrorContext(ctx, "root_unreadable", "directory", dir, "error", err)
			continue
		}
		defer root.Close()
		root.OneMount = true
		roots = append(roots, root)
	}
	plan, failed := MakePlan(ctx, roots, now, o)
	if failed != nil && ctx.Err() == nil {
		bad++
		o.Log.ErrorContext(ctx, "root_unreadable", "error", failed)
	}
	var r Result
	switch {
	case o.DryRun:
		plan.Print(ctx, o.Log)
		r = plan.expect()
	default:
		r = Execute(ctx, plan, o)
	}
	r.Roots = bad
	return r
}

// expect is the Result that the plan would come to.
func (p *Plan) expect() Result {
	r := Result{Unsent: p.Unsent, Failed: p.Failed}
	for _, item := range p.Items {
		if item.Why == Unfinished {
			r.Unsent++
			continue
		}
		r.Directories++
		r.Bytes += item.Bytes
	}
	return r
}
