package delivery_test

import (
	"fmt"
	"time"

	"tstat-transport/internal/delivery"
)

func Example() {
	var c delivery.Counters
	c.Published.Add(1)
	c.Confirmed.Add(1)
	c.ObserveLatency(1500 * time.Microsecond)

	s := c.Stats()
	fmt.Println(s.Confirmed, "of", s.Published, "confirmed, after", s.Latency.Max)
	fmt.Println("from", delivery.BucketLimit(0), "to", delivery.BucketLimit(1), "took", s.Latency.Buckets[1])
	// Output:
	// 1 of 1 confirmed, after 1.5ms
	// from 1ms to 2ms took 1
}
