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
	f(false, Hole{From: 10, To: 101})
	f(false, Hole{From: 10, To: 10})
	f(false, Hole{From: -1, To: 10})
	f(false, Hole{From: 10, To: 20, Header: 11})
	f(false, Hole{From: 20, To: 30}, Hole{From: 10, To: 20})
	f(false, Hole{From: 10, To: 20}, Hole{From: 19, To: 30})
	f(false, make([]Hole, MaxHoles+1)...)
}
