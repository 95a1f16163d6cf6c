package amqp

import (
	"sync"
	"time"
)

// blockedState records when the broker has blocked a connection.
type blockedState struct {
	mu         sync.Mutex
	blocked    bool
	lastChange time.Time     // of blocked, or the start of the connection
	unblocked  time.Duration // how long the connection was unblocked before lastChange
	changed    chan struct{} // closed and replaced when blocked changes
}

func newBlockedState() blockedState {
	return blockedState{lastChange: time.Now(), changed: make(chan struct{})}
}

func (b *blockedState) set(blocked bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unblocked, b.lastChange, b.blocked = b.unblockedTimeLocked(), time.Now(), blocked
	close(b.changed)
	b.changed = make(chan struct{})
}

// unblockedTime returns for how long the connection has existed, without the time in
// which it was blocked.
func (b *blockedState) unblockedTime() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unblockedTimeLocked()
}

func (b *blockedState) unblockedTimeLocked() time.Duration {
	if b.blocked {
		return b.unblocked
	}
	return b.unblocked + time.Since(b.lastChange)
}

// state reports whether the connection is blocked, and returns a channel that is
// closed when that changes.
func (b *blockedState) state() (blocked bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.blocked, b.changed
}
