package amqp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// chunkSize is the number of bytes that must be written within one timeout, so that a large
// message may take longer on a slow link.
const chunkSize = 256 << 10

// deadlineConn is a net.Conn on which every Write has a deadline. The library
// holds its locks while it writes, and heartbeats and closing wait for the same
// locks: a peer that stops reading would hold up everything for ever. The first
// Write that fails closes the socket, which also ends a pending Read. All
// methods may be called from any goroutine.
type deadlineConn struct {
	net.Conn
	mu         sync.Mutex
	timeout    time.Duration // for writing one chunk
	deadline   time.Time     // for all writes, from SetWriteDeadline; zero means none
	abortCause error         // the first cause given to abort; nil before abort
}

func (c *deadlineConn) Write(p []byte) (written int, err error) {
	for rest := p; ; {
		n, err := c.writeChunk(rest[:min(len(rest), chunkSize)])
		written += n
		rest = rest[n:]
		if err != nil || len(rest) == 0 {
			return written, err
		}
	}
}

func (c *deadlineConn) writeChunk(p []byte) (int, error) {
	c.mu.Lock()
	timeout := c.timeout
	err := c.armLocked()
	c.mu.Unlock()
	n := 0
	if err == nil {
		n, err = c.Conn.Write(p)
	}
	if err == nil {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the broker did not take %d bytes within %v: %w", len(p), timeout, err)
		c.abort(err)
	} else {
		// The connection is gone, but the broker's reason may still be unread.
		time.AfterFunc(lastWords, func() { c.abort(err) })
	}
	return n, err
}

// armLocked sets the deadline of the write that is under way or about to start.
func (c *deadlineConn) armLocked() error {
	t := time.Now().Add(c.timeout)
	if !c.deadline.IsZero() && c.deadline.Before(t) {
		t = c.deadline
	}
	return c.Conn.SetWriteDeadline(t)
}

// setTimeout changes the timeout of writes, also of a write that is under way.
func (c *deadlineConn) setTimeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = d
	_ = c.armLocked() // fails only on a closed socket, which bounds the write as well
}

// SetDeadline is called by the library after the login and in CloseDeadline.
func (c *deadlineConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetWriteDeadline sets a deadline for all writes. The timeout of each chunk still
// applies. crypto/tls calls SetWriteDeadline when closing.
func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.armLocked()
}

// abort closes the socket. The first cause is kept.
func (c *deadlineConn) abort(cause error) {
	c.mu.Lock()
	if c.abortCause == nil {
		c.abortCause = cause
	}
	c.mu.Unlock()
	_ = c.Conn.Close() // nothing can be done about a socket that is given up
}

// causeOr returns the cause for which the socket was aborted, or err if the socket was
// not aborted.
func (c *deadlineConn) causeOr(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abortCause != nil {
		return c.abortCause
	}
	return err
}
