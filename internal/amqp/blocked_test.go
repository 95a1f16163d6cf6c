package amqp

import (
	"testing"
	"time"
)

// TestUnblockedTime: the time in which a connection is blocked does not count.
func TestUnblockedTime(t *testing.T) {
	b := newBlockedState()
	b.lastChange = b.lastChange.Add(-20 * time.Second)
	b.set(true)
	b.lastChange = b.lastChange.Add(-time.Hour)
	b.set(false)
	b.lastChange = b.lastChange.Add(-15 * time.Second)
	if got := b.unblockedTime(); got < 35*time.Second || got > 45*time.Second {
		t.Errorf("got %v, want 35 s", got)
	}
}
