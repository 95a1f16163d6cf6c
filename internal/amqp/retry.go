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

// popBacklog takes a request from the backlog. It returns nil if the backlog is empty, or if
// the request has to wait for resends: then it is in delayed.
func (c *channelPublisher) popBacklog() *request {
	r := c.p.backlog.pop()
	if r == nil || !r.refused || c.p.o.Exchange == "" {
		return r
	}
	c.delayed = append(c.delayed, r)
	return nil
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
	if c.p.o.Exchange != "" && !c.p.resends.start(r, now) {
		return nil
	}
	c.delayed = slices.Delete(c.delayed, i, i+1)
	return r
}

// delay puts r into delayed until its next attempt, if r has a further attempt.
func (c *channelPublisher) delay(r *request, cause error) {
	if c.p.retryOrGiveUp(r, cause) {
		r.refused, r.due = true, time.Now().Add(c.p.backoff(r.attempts))
		c.delayed = append(c.delayed, r)
	}
}
