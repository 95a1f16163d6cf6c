package amqp

import (
	"testing"
	"time"
)

func TestBackoffIsBounded(t *testing.T) {
	p, err := newPublisher(Options{Hosts: []string{"127.0.0.1:1"}, Queue: queue, Backoff: time.Millisecond, MaxBackoff: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithin(t, p, soon)
	longest := time.Duration(0)
	for failures := range 100 {
		d := p.backoff(failures)
		if d <= 0 || d > time.Second {
			t.Errorf("wait after %d failures is %v", failures, d)
		}
		longest = max(longest, d)
	}
	if longest < time.Second/2 {
		t.Errorf("the longest wait was %v", longest)
	}
}
