package amqp

import (
	"sync"
	"sync/atomic"
	"time"
)

// abandonGrace is how long a Send that was cancelled waits for the write of its
// own message before it ends the connection that is stuck in it.
const abandonGrace = 200 * time.Millisecond

// request is a message on its way through the publisher.
type request struct {
	id   string
	body []byte // as it is sent; lent by Send, read only with mu held
	size int    // of body, in bytes

	// done takes the one answer; it is sent by whoever has the request.
	done chan error

	// mu is held while body is being written.
	mu        sync.Mutex
	abandoned bool // Send has returned: body must not be read any more
	// link is the connection that body was last written to.
	link atomic.Pointer[link]

	// The rest belongs to whoever has the request: an owner, or the backlog.
	attempts    int
	firstFailed time.Time // zero if it never failed
	due         time.Time // not to be published before; zero means now
}

// abandon takes the body back from a request that is not settled. A write that
// is under way is waited for, but not for long.
func (r *request) abandon() {
	t := time.AfterFunc(abandonGrace, func() {
		if l := r.link.Load(); l != nil {
			l.abort(errStopped)
		}
	})
	defer t.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abandoned = true
}

// backlog holds requests that are to be published again by any owner. It is
// bounded by the number of Sends.
type backlog struct {
	mu    sync.Mutex
	items []*request
	ready chan struct{} // holds one token when there is something; never closed
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
