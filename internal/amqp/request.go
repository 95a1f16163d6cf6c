package amqp

import (
	"sync"
	"sync/atomic"
	"time"
)

// abandonGrace is how long a cancelled Send waits for the write of its own
// message before it ends the connection that is stuck in the write.
const abandonGrace = 200 * time.Millisecond

// request is a message on its way through the publisher. A request belongs to
// one goroutine at a time: to Send until it is handed over, then to the
// channelPublisher that took it, or to the backlog.
type request struct {
	id       string
	encoding string // transport.Message.Encoding
	size     int    // bytes of the body as it is published
	taken    func() // to be called at the first attempt; may be nil
	body     *lentBody
	// done takes the one answer. The goroutine that the request belongs to
	// writes it; done is buffered, so that the write does not block.
	done chan error

	attempts    int
	firstFailed time.Time // zero if no attempt has failed
	due         time.Time // when the request may be published, while it is delayed
	limited     bool      // nacked or returned before, through an exchange: resends limits further attempts
	resent      bool      // counted in resends.inFlight
}

// lentBody is a message's body, which the caller of Send lends. Send and the
// channelPublisher that writes the body share it.
type lentBody struct {
	// session is the connection to which the body was last written.
	session atomic.Pointer[session]

	mu        sync.Mutex // held while bytes is being written
	bytes     []byte
	takenBack bool // Send returns: nobody may read bytes any more
}

// takeBack ends the loan. If the body is being written, takeBack waits for the write,
// and aborts the connection after abandonGrace.
func (b *lentBody) takeBack() {
	t := time.AfterFunc(abandonGrace, func() {
		if s := b.session.Load(); s != nil {
			s.abort(errStopped)
		}
	})
	defer t.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takenBack = true
}

// backlog holds requests that any channelPublisher is to publish again. The
// number of Sends bounds its length.
type backlog struct {
	mu    sync.Mutex
	items []*request
	ready chan struct{} // holds one token while there are items; never closed
}

func (b *backlog) push(r *request) {
	b.mu.Lock()
	b.items = append(b.items, r)
	b.mu.Unlock()
	b.signal()
}

// pop returns the oldest request, or nil.
func (b *backlog) pop() *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return nil
	}
	r := b.items[0]
	b.items[0] = nil
	b.items = b.items[1:]
	if len(b.items) > 0 {
		b.signal()
	}
	return r
}

func (b *backlog) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}
