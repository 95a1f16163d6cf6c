package workers

import (
	"context"
	"errors"
	"time"
)

// errGrace is the cause with which the hard context ends after the grace time.
var errGrace = errors.New("not confirmed within the grace time after the run was told to stop")

// twoStageStop returns the two contexts of a run. orderly ends when ctx ends or
// stop is called: the run takes no more work, and finishes what it has taken.
// hard ends a grace time after orderly and ends every wait. The caller must call
// release when the run is over.
func twoStageStop(ctx context.Context, grace time.Duration) (orderly, hard context.Context, stop context.CancelCauseFunc, release func()) {
	orderly, stop = context.WithCancelCause(ctx)
	hard, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(orderly, func() {
		timer := time.AfterFunc(grace, func() { abort(errGrace) })
		context.AfterFunc(hard, func() { timer.Stop() })
	})
	return orderly, hard, stop, func() {
		abort(nil)
		stop(nil)
	}
}
