package amqp

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencyBuckets is the number of buckets of Latency: below 1 ms, below 2 ms,
// below 4 ms, ... and the last for the rest, from about half a minute.
const latencyBuckets = 17

// Stats counts since Open. Published equals Confirmed + Returned + Nacked + the
// attempts that were lost with their channel or have no outcome yet.
type Stats struct {
	Published  uint64 // attempts: messages written to a connection
	Resent     uint64 // attempts that were not the first of their message
	Confirmed  uint64
	Returned   uint64 // messages returned as unroutable
	Nacked     uint64
	Reconnects uint64 // connections that replaced lost connections
	Bytes      uint64 // bytes of the bodies of all attempts, as sent
	Latency    Latency
}

// Latency sums up the time from publishing a message to its confirmation.
type Latency struct {
	Count    uint64
	Sum, Max time.Duration
	// Buckets[i] counts the confirmations that took less than 1 ms << i, and not
	// less than the bound of the bucket before. The last bucket has no bound.
	Buckets [latencyBuckets]uint64
}

type counters struct {
	published, resent, confirmed, returned, nacked, reconnects, bytes atomic.Uint64

	latencySum, latencyMax atomic.Int64 // ns
	latency                [latencyBuckets]atomic.Uint64
}

func (c *counters) observe(d time.Duration) {
	c.latencySum.Add(int64(d))
	for m := c.latencyMax.Load(); int64(d) > m && !c.latencyMax.CompareAndSwap(m, int64(d)); {
		m = c.latencyMax.Load()
	}
	c.latency[min(bits.Len64(uint64(d.Milliseconds())), latencyBuckets-1)].Add(1)
}

// Stats returns what has been counted so far. It may be called at any time.
func (p *Publisher) Stats() Stats {
	c := &p.counters
	s := Stats{
		Published:  c.published.Load(),
		Resent:     c.resent.Load(),
		Confirmed:  c.confirmed.Load(),
		Returned:   c.returned.Load(),
		Nacked:     c.nacked.Load(),
		Reconnects: c.reconnects.Load(),
		Bytes:      c.bytes.Load(),
	}
	s.Latency.Sum = time.Duration(c.latencySum.Load())
	s.Latency.Max = time.Duration(c.latencyMax.Load())
	for i := range c.latency {
		s.Latency.Buckets[i] = c.latency[i].Load()
		s.Latency.Count += s.Latency.Buckets[i]
	}
	return s
}
