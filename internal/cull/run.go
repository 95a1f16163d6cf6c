package cull

import (
	"context"
	"log/slog"
	"time"

	"tstat-transport/internal/logdir"
)

// Result is the result of a run.
type Result struct {
	Roots []RootResult // in the order of the command line
}

// RootResult is the result of a run below one root.
type RootResult struct {
	Path string
	Counts
	// Unreadable reports that the root does not exist or could not be read to its end, or
	// that its free space is unknown. The reason is logged.
	Unreadable   bool
	LackingBytes int64 // bytes that are still lacking for Options.MinFree on the root's disk
}

// Total returns the sum of all roots.
func (r Result) Total() (total Counts) {
	for _, root := range r.Roots {
		total.add(root.Counts)
	}
	return total
}

// Run culls the directories below dirs, the roots. Ages are measured at the time now. When
// ctx ends, Run ends early.
func Run(ctx context.Context, dirs []string, now time.Time, o Options) Result {
	r := Result{Roots: make([]RootResult, len(dirs))}
	var roots []*logdir.Root
	results := make(map[*logdir.Root]*RootResult)
	for i, dir := range dirs {
		result := &r.Roots[i]
		result.Path = dir
		root, err := logdir.OpenRoot(dir)
		if err != nil {
			result.setUnreadable(ctx, o.Log, dir, err)
			continue
		}
		defer root.Close()
		root.OneMount = true
		roots = append(roots, root)
		results[root] = result
	}
	plan := MakePlan(ctx, roots, now, o)
	if o.DryRun {
		plan.Print(ctx)
	} else {
		plan.Execute(ctx)
	}
	for _, root := range roots {
		result := results[root]
		if err := plan.unreadable[root]; err != nil && ctx.Err() == nil {
			result.setUnreadable(ctx, o.Log, root.Path, err)
		}
		result.Counts = plan.Counts(root)
		result.LackingBytes = plan.space.of(root)
		if n := result.LackingBytes; n > 0 && ctx.Err() == nil {
			o.Log.ErrorContext(ctx, "disk_short", "root", root.Path, "lacking_bytes", n,
				"error", "less space is free than --min-free asks for, and no further directory may be deleted",
				"hint", "check that tstat_send runs, or free space by other means")
		}
	}
	return r
}

func (r *RootResult) setUnreadable(ctx context.Context, log *slog.Logger, path string, err error) {
	r.Unreadable = true
	log.ErrorContext(ctx, "root_unreadable", "root", path, "error", err, "hint", logdir.RootRemedy)
}
