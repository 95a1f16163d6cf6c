package logdir

import "testing"

func TestValidHoles(t *testing.T) {
	f := func(want bool, holes ...Hole) {
		t.Helper()
		if got := validHoles(holes, 100); got != want {
			t.Errorf("%v: %v, want %v", holes, got, want)
		}
	}
	f(true)
	f(true, Hole{From: 10, To: 20}, Hole{From: 20, To: 100, Header: 5})
	f(true, Hole{From: 10, To: 20, Sent: Tail{Bytes: 10, Flows: 2}})
	f(false, Hole{From: 10, To: 20, Sent: Tail{Bytes: 11, Flows: 2}})
	f(false, Hole{From: 10, To: 20, Sent: Tail{Bytes: 10, Flows: 3}})
	f(false, Hole{From: 10, To: 20, Sent: Tail{Flows: 2}})
	f(false, Hole{From: 10, To: 101})
	f(false, Hole{From: 10, To: 10})
	f(false, Hole{From: -1, To: 10})
	f(false, Hole{From: 10, To: 20, Header: 11})
	f(false, Hole{From: 20, To: 30}, Hole{From: 10, To: 20})
	f(false, Hole{From: 10, To: 20}, Hole{From: 19, To: 30})
	f(false, make([]Hole, MaxHoles+1)...)
}
