package amqp

import (
	"testing"
	"time"
)

// TestUnblockedTime: the time in which a connection is blocked does not count.
func TestUnblockedTime(t *testing.T) {
	b := newBlockedState()
	b.since = b.since.Add(-20 * time.Second)
	b.set(true)
	b.since = b.since.Add(-time.Hour)
	b.set(false)
	b.since = b.since.Add(-15 * time.Second)
	if got := b.unblockedTime(); got < 35*time.Second || got > 45*time.Second {
		t.Errorf("got %v, want 35 s", got)
	}
}
