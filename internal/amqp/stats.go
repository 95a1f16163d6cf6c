package amqp

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencyBuckets is the number of buckets of Latency: below 1 ms, below 2 ms,
// below 4 ms, ... and the last for the rest, from about half a minute.
const latencyBuckets = 17

// Stats counts since Open. Published = Confirmed + Returned + Nacked + those
// that were lost with their channel or are not settled yet.
type Stats struct {
	Published  uint64 // messages written to a connection, each time
	Resent     uint64 // of these, those that were not the message's first
	Confirmed  uint64
	Returned   uint64 // as unroutable
	Nacked     uint64
	Reconnects uint64 // connections made in place of lost ones
	Bytes      uint64 // of the bodies of Published, as sent
	Latency    Latency
}

// Latency sums up the time from publishing a message to its confirmation.
type Latency struct {
	Count    uint64
	Sum, Max time.Duration
	// Buckets counts the confirmations that took less than 1 ms << index (and
	// not less than the bucket before); the last one has no upper bound.
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
