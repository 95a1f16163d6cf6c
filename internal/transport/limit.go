package transport

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
)

// Limit holds a transport to a number of bytes a second, counted in bodies
// before any compression, over all callers of Send. The result finishes
// directories if t does; closing it closes t.
func Limit(t Transport, bytesPerSecond int64) Transport {
	// A tenth of a second's worth at a time, so that it flows evenly.
	burst := max(int(bytesPerSecond/10), 1)
	l := &limited{t, rate.NewLimiter(rate.Limit(bytesPerSecond), burst)}
	if f, ok := t.(Finisher); ok {
		return &limitedFinisher{l, f}
	}
	return l
}

type limited struct {
	Transport
	limiter *rate.Limiter
}

type limitedFinisher struct {
	*limited
	Finisher
}

func (l *limited) Send(ctx context.Context, m *Message) error {
	for n := len(m.Body); n > 0; { // the limiter takes no more than its burst at a time
		part := min(n, l.limiter.Burst())
		if err := l.limiter.WaitN(ctx, part); err != nil {
			return fmt.Errorf("message %s was held back by the rate limit until the run was stopped: %w", m.ID, err)
		}
		n -= part
	}
	return l.Transport.Send(ctx, m)
}
