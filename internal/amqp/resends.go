package amqp

import (
	"sync"
	"time"
)

// resends bounds how many refused messages are published again at a time through an
// exchange. If one of several queues bound to the exchange is full, the broker refuses
// each message after putting it into the other queues, and each further attempt puts
// another copy into the other queues. So resends allows one message at a time, with a
// growing pause between them. Each confirmed resend doubles the limit, and a refusal
// sets the limit back to one. On the default exchange a refused message is in no queue, so
// the limit does not apply.
type resends struct {
	mu       sync.Mutex
	inFlight int
	limit    int       // the largest inFlight; 0 counts as 1
	refusals int       // since a resend was last confirmed
	until    time.Time // no resend before this time
}

// start makes r one of the resends in flight. It returns false if no further resend
// is allowed now.
func (s *resends) start(r *request, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) || s.inFlight >= max(s.limit, 1) {
		return false
	}
	s.inFlight++
	r.resent = true
	return true
}

// confirmed ends the resend of r, if any, with a confirmation.
func (s *resends) confirmed(r *request) {
	if !r.resent {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(r)
	s.refusals, s.limit, s.until = 0, min(2*max(s.limit, 1), 1<<16), time.Time{}
}

// refused records that the broker has refused r, which may be a resend. backoff returns
// the pause after a number of refusals.
func (s *resends) refused(r *request, now time.Time, backoff func(refusals int) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = 1
	// The first refusal begins a pause, and each refused resend begins a longer pause.
	// Further messages may be refused together with the first: they do not prolong it.
	if r.resent || s.refusals == 0 {
		s.refusals++
		s.until = now.Add(backoff(s.refusals))
	}
	s.endLocked(r)
}

// end ends the resend of r, if any, neither confirmed nor refused.
func (s *resends) end(r *request) {
	if !r.resent {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(r)
}

func (s *resends) endLocked(r *request) {
	if r.resent {
		r.resent = false
		s.inFlight--
	}
}
