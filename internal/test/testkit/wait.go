package testkit

import (
	"context"
	"testing"
	"time"
)

// Patience bounds every run of a program and every wait for a condition. The programs' own
// longest bound is a minute, for a broker that is away. The rest is for a busy machine.
const Patience = 3 * time.Minute

// Await polls until done returns true, and fails t after Patience.
func Await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", Patience, what)
		}
	}
}

// Pause waits for d, or until ctx ends. It is for a test in which the time itself matters, such
// as the length of a fault. A test that waits for a condition calls Await.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
