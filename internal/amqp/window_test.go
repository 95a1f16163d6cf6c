package amqp

import (
	"testing"
	"time"
)

// modelBroker models a broker at a distance of roundTrip, which handles perSecond messages a
// second, one after the other.
type modelBroker struct {
	roundTrip time.Duration
	perSecond int
	clock     time.Duration
	idle      time.Duration // when the broker will have handled all messages
	sent      []time.Duration
	confirms  []time.Duration
}

// run keeps the window full until n messages are confirmed and returns how long
// that takes.
func (b *modelBroker) run(w *window, n int) time.Duration {
	began := b.clock
	for range n {
		for w.room(len(b.sent)) {
			b.idle = max(b.idle, b.clock+b.roundTrip/2) + time.Second/time.Duration(b.perSecond)
			b.sent, b.confirms = append(b.sent, b.clock), append(b.confirms, b.idle+b.roundTrip/2)
		}
		b.clock = max(b.clock, b.confirms[0])
		w.confirmed(b.clock - b.sent[0])
		b.sent, b.confirms = b.sent[1:], b.confirms[1:]
	}
	return b.clock - began
}

// TestWindowFollowsTheDistance: at any distance the window keeps the broker busy, and is at
// most three times as large as necessary.
func TestWindowFollowsTheDistance(t *testing.T) {
	for _, c := range []struct {
		roundTrip time.Duration
		perSecond int
		want      int // messages that a round trip holds; 4096 if it holds more
	}{
		{0, 4000, 0},
		{time.Millisecond, 4000, 4},
		{10 * time.Millisecond, 4000, 40},
		{100 * time.Millisecond, 4000, 400},
		{200 * time.Millisecond, 4000, 800},
		{100 * time.Millisecond, 1e6, 4096},
	} {
		w := newWindow(64, 4096)
		b := &modelBroker{roundTrip: c.roundTrip, perSecond: c.perSecond}
		b.run(&w, 10_000)
		if least, most := max(64, c.want), max(64, 3*c.want); w.size < least || w.size > most {
			t.Errorf("%v, %d messages/s: window %d, want %d to %d", c.roundTrip, c.perSecond, w.size, least, most)
		}
		if c.want == 4096 {
			continue // the largest window is too small for this connection
		}
		const n = 10_000
		if took, least := b.run(&w, n), time.Duration(n)*time.Second/time.Duration(c.perSecond); took > least*101/100 {
			t.Errorf("%v, %d messages/s: %d messages took %v, want %v", c.roundTrip, c.perSecond, n, took, least)
		}
	}
}

// TestWindowShrinks: when the broker becomes ten times slower, the window shrinks, so that
// messages do not wait ten times as long. When the broker is fast again, the window grows.
func TestWindowShrinks(t *testing.T) {
	w := newWindow(64, 4096)
	b := &modelBroker{roundTrip: 100 * time.Millisecond, perSecond: 4000}
	b.run(&w, 10_000)
	fast := w.size
	b.perSecond = 400
	b.run(&w, 5000)
	if w.size < 64 || w.size > 120 { // a round trip takes 40 messages
		t.Errorf("window %d beside a slow broker, was %d", w.size, fast)
	}
	b.perSecond = 4000
	b.run(&w, 10_000)
	if w.size < 400 {
		t.Errorf("window %d when the broker is fast again, was %d", w.size, fast)
	}
}

// TestWindowThatIsNotFull: a window that was never full does not grow.
func TestWindowThatIsNotFull(t *testing.T) {
	w := newWindow(64, 4096)
	for range 1000 {
		if !w.room(10) {
			t.Fatal("no room")
		}
		w.confirmed(100 * time.Millisecond)
	}
	if w.size != 64 {
		t.Errorf("window %d with 10 messages in flight, want 64", w.size)
	}
}

func TestFixedWindow(t *testing.T) {
	o := Options{Window: 7}
	w := o.window()
	b := &modelBroker{roundTrip: 100 * time.Millisecond, perSecond: 4000}
	b.run(&w, 1000)
	if w.size != 7 || w.room(7) || !w.room(6) {
		t.Errorf("window %d, want 7", w.size)
	}
}

// TestWindowStarts: the first size follows the measured round trip. With that measure, the
// queue of a near and busy broker does not count as distance.
func TestWindowStarts(t *testing.T) {
	for roundTrip, want := range map[time.Duration]int{
		time.Millisecond: 64, 100 * time.Millisecond: 500, 10 * time.Second: 4096,
	} {
		w := newWindow(64, 4096)
		w.start(roundTrip)
		if w.size != want {
			t.Errorf("%v: window %d, want %d", roundTrip, w.size, want)
		}
	}
	w := newWindow(64, 4096)
	w.start(time.Millisecond)
	b := &modelBroker{perSecond: 1000}
	b.idle = 200 * time.Millisecond // it is busy with something else
	if b.run(&w, 2000); w.size != 64 {
		t.Errorf("window %d beside a busy broker, want 64", w.size)
	}
}
