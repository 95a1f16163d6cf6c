package transport

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limit returns a transport that hands messages to t at no more than bytesPerSecond,
// over all callers of Send. It counts the bytes of message bodies before compression.
// Messages queue in the order in which Send was called, and each waits for the time that
// its size takes at that rate. Once t has failed a message with the verdict
// Refused, all waiting messages fail with the same error. If t is a Finisher, the
// result is a Finisher too. Closing the result closes t.
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
	last time.Time // when the message of the last Send is handed to t

	once    sync.Once
	refusal error         // set before refused is closed
	refused chan struct{} // closed when t has refused a message
}

type limitedFinisher struct {
	*limited
	Finisher
}

// reserve reserves the time that a message of size bytes takes, and returns how long the
// message must wait.
func (l *limited) reserve(size int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.last.Before(now) {
		l.last = now
	}
	l.last = l.last.Add(time.Duration(float64(size) / float64(l.bytesPerSecond) * float64(time.Second)))
	return l.last.Sub(now)
}

func (l *limited) Send(ctx context.Context, m *Message) error {
	timer := time.NewTimer(l.reserve(m.Size))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.refused:
		return l.refusal
	case <-ctx.Done():
		return fmt.Errorf("message %s was still waiting for the rate limit when the run was stopped: %w", m.ID, context.Cause(ctx))
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
