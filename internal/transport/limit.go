package transport

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limit returns a transport that hands messages to t at no more than
// bytesPerSecond, over all callers of Send. Bytes are those of message bodies
// before compression. Messages go to t in the order in which Send was called,
// each after the time that its size takes at that rate. Once t has failed a
// message with the verdict Refused, all messages that wait fail with the same
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
	next time.Time // when the last waiting message is handed to t

	once    sync.Once
	refusal error         // set before refused is closed
	refused chan struct{} // closed when t has refused a message
}

type limitedFinisher struct {
	*limited
	Finisher
}

// turn reserves time for a message of size bytes and returns how long it must
// wait.
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
	timer := time.NewTimer(l.turn(m.Size))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.refused:
		return l.refusal
	case <-ctx.Done():
		return fmt.Errorf("message %s waited for the rate limit until the run was stopped: %w", m.ID, context.Cause(ctx))
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
