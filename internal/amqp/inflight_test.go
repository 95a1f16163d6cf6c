package amqp

import (
	"testing"
)

func TestInFlight(t *testing.T) {
	fs := newInFlight(3)
	next, oldest := 0, 0
	push := func() { fs.push(unconfirmed{r: &request{size: next}}); next++ }
	pop := func() {
		if got := fs.front().r.size; got != oldest {
			t.Errorf("front is %d, want %d", got, oldest)
		}
		fs.pop()
		oldest++
	}
	for range 5 {
		push()
		push()
		pop()
		push()
		pop()
		pop()
	}
	if fs.front() != nil {
		t.Error("the ring is not empty")
	}
}
