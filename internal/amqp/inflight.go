package amqp

import (
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// unconfirmed is a message that was published and is not confirmed yet.
type unconfirmed struct {
	r            *request
	confirmation *amqp091.DeferredConfirmation // nil if publishing failed
	sent         time.Time
	unblocked    time.Duration // unblockedTime of the session when the message was sent
	returned     string        // the broker's reason; empty if not returned
}

// inFlight is a ring of the unconfirmed messages of a channel, oldest first. Its
// capacity is the largest window.
type inFlight struct {
	ring    []unconfirmed
	head, n int
}

func newInFlight(capacity int) inFlight { return inFlight{ring: make([]unconfirmed, capacity)} }

func (f *inFlight) at(i int) *unconfirmed { return &f.ring[(f.head+i)%len(f.ring)] }

func (f *inFlight) push(u unconfirmed) {
	if f.n == len(f.ring) {
		panic("BUG: more messages in flight than the window allows")
	}
	f.n++
	*f.at(f.n - 1) = u
}

// front returns the oldest message, or nil. It is valid until pop.
func (f *inFlight) front() *unconfirmed {
	if f.n == 0 {
		return nil
	}
	return f.at(0)
}

func (f *inFlight) pop() {
	*f.at(0) = unconfirmed{}
	f.head = (f.head + 1) % len(f.ring)
	f.n--
}

// frontDone returns a channel that is closed when the oldest message is confirmed or
// refused. Younger messages that are confirmed earlier wait until the oldest message
// has an outcome or is overdue.
func (f *inFlight) frontDone() <-chan struct{} {
	if f.n == 0 {
		return nil
	}
	return f.at(0).confirmation.Done()
}
