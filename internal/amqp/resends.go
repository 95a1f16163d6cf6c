package amqp

import (
	"sync"
	"time"
)

// resends bounds how many messages that the broker has refused are published
// again through an exchange. If one of several queues behind the exchange is
// full, the broker refuses each message that it has already put into the others,
// and each further attempt puts a copy there. So one message is tried at a time,
// with a growing pause, whatever the number that waits; twice as many after each
// confirmation, and one again after the next refusal. On the default exchange a
// refused message is nowhere, and resends is not used.
type resends struct {
	mu       sync.Mutex
	inFlight int
	limit    int // of inFlight; 0 counts as 1
	failures int // refusals since a resend was confirmed
	until    time.Time
}

// take marks r as one of the resends in flight, if there may be another.
func (s *resends) take(r *request, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) || s.inFlight >= max(s.limit, 1) {
		return false
	}
	s.inFlight++
	r.resent = true
	return true
}

// settle records that the outcome of r is known, or that its channel is gone.
func (s *resends) settle(r *request, confirmed bool) {
	if !r.resent {
		return
	}
	r.resent = false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if confirmed {
		s.failures, s.limit, s.until = 0, min(2*max(s.limit, 1), 1<<16), time.Time{}
	}
}

// refused records that the broker has refused r, before settle does. backoff
// returns the pause after a number of failures.
func (s *resends) refused(r *request, now time.Time, backoff func(failures int) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = 1
	if r.resent || s.failures == 0 { // else it was published before the pause
		s.failures++
		s.until = now.Add(backoff(s.failures))
	}
}
