package amqp

import "time"

const (
	// MinWindow is the smallest number of messages that a channel may have in
	// flight if Options.Window is 0. It keeps a broker on the same machine busy.
	MinWindow = 64
	// MaxInFlight is the largest number of messages that all channels together may
	// have in flight if Options.Window is 0, unless MinWindow needs more.
	MaxInFlight = 4096
	// startRate sets the first size of a window: large enough for startRate messages
	// a second on a channel. A broker takes a few thousand a second from all channels,
	// and the first connection publishes alone at first.
	startRate = 5000
)

// window is the number of messages that a channel may have in flight. It follows
// the distance to the broker as TCP Vegas does. A round is as many confirmations
// as the window has messages; after each round
//
//	window = window × 2 × base / mean
//
// where base is the round-trip time: the shortest time that a confirmation, or opening a
// channel, took. mean is the mean time to confirmation in the round. While no messages
// queue, mean is about base and the window doubles. If messages wait in a queue for as
// long as the round trip takes (mean = 2 × base), the window stays the same. If the broker
// slows down, the window shrinks. The window grows only after a round in which it was
// full, and stays between min and max.
type window struct {
	min, max int
	size     int
	base     time.Duration

	// State of the current round:
	confirmations int
	sum           time.Duration
	full          bool // room has returned false
}

func newWindow(least, most int) window { return window{min: least, max: most, size: least} }

// start sets base and the first size of the window from the round-trip time.
func (w *window) start(roundTrip time.Duration) {
	w.base = roundTrip
	w.size = w.clamp(int(roundTrip.Seconds() * startRate))
}

func (w *window) clamp(size int) int { return min(max(size, w.min), w.max) }

// room reports whether another message may be in flight beside n.
func (w *window) room(n int) bool {
	w.full = w.full || n >= w.size
	return n < w.size
}

// confirmed records that a message was confirmed after d.
func (w *window) confirmed(d time.Duration) {
	if w.base == 0 || d < w.base {
		w.base = d
	}
	w.confirmations++
	w.sum += d
	if w.confirmations < w.size {
		return
	}
	mean := w.sum / time.Duration(w.confirmations)
	next := int(float64(w.size) * 2 * float64(w.base) / float64(max(mean, 1)))
	if !w.full {
		next = min(next, w.size)
	}
	w.size = w.clamp(next)
	w.confirmations, w.sum, w.full = 0, 0, false
}

// refused records that the broker has refused a message. The queue may be full, and
// then every message in flight must be sent again, so the window becomes small.
func (w *window) refused() { w.size, w.confirmations, w.sum, w.full = w.min, 0, 0, false }
