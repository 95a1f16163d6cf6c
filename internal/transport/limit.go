package transport

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limit holds t to a number of bytes a second, counted in message bodies
// before compression, over all callers of Send. Messages are handed to t one
// after the other, in the order in which Send was called, each after the time
// that its own size takes at that rate. Once t has refused a message
// (Refused), the messages that wait for their turn fail at once with the same
// error. The result is a Finisher if t is one; closing it closes t.
func Limit(t Transport, bytesPerSecond int64) Transport {
	l := &limited{Transport: t, bytesPerSecond: bytesPerSecond, refused: make(chan struct{})}
	if f, ok := t.(Finisher); ok {
		return &limitedFinisher{l, f}
	}
	return l
}

type limited struct {
	Transport
	bytesPerSecond int64

	mu   sync.Mutex
	next time.Time // when the last message in the queue is handed over

	once    sync.Once
	refusal error         // set before refused is closed
	refused chan struct{} // closed when t has refused a message
}

type limitedFinisher struct {
	*limited
	Finisher
}

// turn queues a message of size bytes and returns how long it must wait.
func (l *limited) turn(size int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	l.next = l.next.Add(time.Duration(float64(size) / float64(l.bytesPerSecond) * float64(time.Second)))
	return l.next.Sub(now)
}

func (l *limited) Send(ctx context.Context, m *Message) error {
	timer := time.NewTimer(l.turn(len(m.Body)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.refused:
		return l.refusal
	case <-ctx.Done():
		return fmt.Errorf("message %s was held back by the rate limit until the run was stopped: %w", m.ID, context.Cause(ctx))
	}
	err := l.Transport.Send(ctx, m)
	if err != nil && VerdictOf(err) == Refused {
		l.once.Do(func() {
			l.refusal = err
			close(l.refused)
		})
	}
	return err
}
