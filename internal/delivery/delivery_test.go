package delivery

import (
	"slices"
	"testing"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	var c Counters
	want := make([]uint64, Buckets)
	for i := range Buckets - 1 {
		c.ObserveLatency(BucketLimit(i) - time.Nanosecond)
		want[i]++
		c.ObserveLatency(BucketLimit(i))
		want[i+1]++
	}
	c.ObserveLatency(0)
	want[0]++
	c.ObserveLatency(time.Hour)
	want[Buckets-1]++
	l := c.Stats().Latency
	if !slices.Equal(l.Buckets, want) || l.Count != 2*Buckets || l.Max != time.Hour {
		t.Errorf("latency is %+v, want buckets %d", l, want)
	}
}
