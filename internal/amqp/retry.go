package amqp

import (
	"slices"
	"time"
)

// nextRetry returns a request that has been tried before and may be published now, or nil.
func (c *channelPublisher) nextRetry() *request {
	if r := c.nextDelayed(); r != nil {
		return r
	}
	if !c.room() {
		return nil
	}
	return c.popBacklog()
}

// popBacklog takes a request from the backlog. It puts a limited request into delayed, from
// which nextDelayed takes it, and returns nil. It also returns nil if the backlog is empty.
func (c *channelPublisher) popBacklog() *request {
	r := c.p.backlog.pop()
	if r != nil && r.limited {
		c.delayed = append(c.delayed, r)
		return nil
	}
	return r
}

// nextDelayed takes a request from delayed that is due and may be published now. It
// returns nil if there is none.
func (c *channelPublisher) nextDelayed() *request {
	if len(c.delayed) == 0 || c.stale() {
		return nil
	}
	now := time.Now()
	i := slices.IndexFunc(c.delayed, func(r *request) bool { return !now.Before(r.due) })
	if i < 0 {
		return nil
	}
	r := c.delayed[i]
	if r.limited && !c.p.resends.start(r, now) {
		return nil
	}
	c.delayed = slices.Delete(c.delayed, i, i+1)
	return r
}

// delay puts r into delayed until its next attempt, if r has a further attempt.
func (c *channelPublisher) delay(r *request, cause error) {
	if c.p.retryOrGiveUp(r, cause) {
		r.limited, r.due = c.p.o.Exchange != "", time.Now().Add(c.p.backoff(r.attempts))
		c.delayed = append(c.delayed, r)
	}
}
