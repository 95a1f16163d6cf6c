package workers

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// errGrace is the cause with which the hard context ends after the grace time.
var errGrace = errors.New("not confirmed within the grace time after the run was told to stop")

// stops are the contexts that end the work of a run.
type stops struct {
	// orderly ends when the caller's context ends or trigger is called: the run takes no
	// more work, and finishes what it has taken.
	orderly context.Context
	trigger context.CancelFunc
	// healthy ends when a publisher fails, or with hard: messages that are not being sent
	// yet are not sent.
	healthy context.Context
	// hard ends a grace time after orderly: every wait ends.
	hard context.Context
}

// newStops returns the stops of a run and the pool of its publishers. The caller must
// call release when the run is over.
func newStops(ctx context.Context, grace time.Duration) (s stops, publishers *errgroup.Group, release func()) {
	s.orderly, s.trigger = context.WithCancel(ctx)
	hard, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	s.hard = hard
	publishers, s.healthy = errgroup.WithContext(hard)
	context.AfterFunc(s.orderly, func() {
		timer := time.AfterFunc(grace, func() { abort(errGrace) })
		context.AfterFunc(hard, func() { timer.Stop() })
	})
	return s, publishers, func() {
		abort(nil)
		s.trigger()
	}
}
