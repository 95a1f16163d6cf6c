// Package delivery counts how a transport delivers messages. It is apart from package
// transport, since package report uses it and is linked into tstat_cull, which must not
// link package transport.
package delivery

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats are the counters of a transport at one time. They are zero for a transport that
// counts nothing. Published exceeds Confirmed + Returned + Nacked by the attempts that
// have no outcome yet or were lost with their connection or channel.
type Stats struct {
	Published  int64 // attempts: messages written to a connection
	Resent     int64 // attempts that were not the first of their message
	Confirmed  int64
	Returned   int64 // messages returned as unroutable
	Nacked     int64 // messages refused by the broker with a nack
	Reconnects int64 // connections that replaced lost connections
	Latency    Latency
}

// Latency sums up the time from publishing a message to its confirmation.
type Latency struct {
	Count    uint64
	Sum, Max time.Duration
	// Buckets[i] counts the confirmations that took less than BucketLimit(i), and not
	// less than the limit of the bucket before. The last bucket has no limit.
	Buckets []uint64
}

// Buckets is the number of buckets of Latency. The largest limit is 32.768 s.
const Buckets = 17

// BucketLimit returns the upper limit of a bucket: 1 ms, 2 ms, 4 ms and so on.
func BucketLimit(i int) time.Duration { return time.Millisecond << i }

// Counters are the counters behind Stats. The zero value is ready to use, by many
// goroutines at once.
type Counters struct {
	Published, Resent, Confirmed, Returned, Nacked, Reconnects atomic.Int64

	sum, max atomic.Int64 // ns
	buckets  [Buckets]atomic.Uint64
}

// ObserveLatency adds a confirmation that came after d.
func (c *Counters) ObserveLatency(d time.Duration) {
	c.sum.Add(int64(d))
	for m := c.max.Load(); int64(d) > m && !c.max.CompareAndSwap(m, int64(d)); {
		m = c.max.Load()
	}
	c.buckets[min(bits.Len64(uint64(d.Milliseconds())), Buckets-1)].Add(1)
}

// Stats returns what has been counted so far.
func (c *Counters) Stats() Stats {
	s := Stats{
		Published:  c.Published.Load(),
		Resent:     c.Resent.Load(),
		Confirmed:  c.Confirmed.Load(),
		Returned:   c.Returned.Load(),
		Nacked:     c.Nacked.Load(),
		Reconnects: c.Reconnects.Load(),
		Latency: Latency{
			Sum:     time.Duration(c.sum.Load()),
			Max:     time.Duration(c.max.Load()),
			Buckets: make([]uint64, Buckets),
		},
	}
	for i := range c.buckets {
		s.Latency.Buckets[i] = c.buckets[i].Load()
		s.Latency.Count += s.Latency.Buckets[i]
	}
	return s
}
