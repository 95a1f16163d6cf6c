package amqp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tstat-transport/internal/transport"
)

// writeChunk is the number of bytes that must be written within one timeout. So the
// timeout bounds the time without progress, and a large message may take longer on a
// slow link.
const writeChunk = 256 << 10

// lastWords is how long a socket stays open after a failed Write, so that the broker's
// last frames can still be read.
const lastWords = 200 * time.Millisecond

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
	broken     bool          // a write has failed with another error than a timeout

	closing atomic.Bool // libraryConn closes the connection after the next Write
}

func (c *deadlineConn) Write(p []byte) (written int, err error) {
	for chunk := p; ; {
		n, err := c.writeChunk(chunk[:min(len(chunk), writeChunk)])
		written += n
		chunk = chunk[n:]
		if err != nil || len(chunk) == 0 {
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
		err = fmt.Errorf("the broker took no data for %v: %w", timeout, err)
		c.abort(err)
	} else {
		// The connection is gone, but the broker's reason may still be unread.
		c.mu.Lock()
		c.broken = true
		c.mu.Unlock()
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

// SetDeadline is called by the library before and after handshakes, and by crypto/tls
// when closing.
func (c *deadlineConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetWriteDeadline sets a deadline for all writes. The timeout of each chunk still
// applies.
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

// cause returns the cause for which the socket was aborted, or err if the socket was
// not aborted.
func (c *deadlineConn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abortCause != nil {
		return c.abortCause
	}
	return err
}

// libraryConn is the connection that the library reads and writes: a deadlineConn, or TLS
// on one. It keeps the first bytes, which show an HTTP server, and the error that ended
// reading. With TLS 1.3 a server checks the client's certificate after the handshake. Its
// refusal is an alert that only Read returns; Write fails without a reason.
type libraryConn struct {
	net.Conn
	socket *deadlineConn
	once   sync.Once
	ended  chan struct{} // closed when reading has failed
	err    error         // set before ended is closed

	mu    sync.Mutex // guards start
	start []byte     // the first bytes read, at most as many as httpAnswer has
}

func newLibraryConn(stream net.Conn, socket *deadlineConn) *libraryConn {
	return &libraryConn{Conn: stream, socket: socket, ended: make(chan struct{})}
}

func (r *libraryConn) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	if missing := len(httpAnswer) - len(r.start); missing > 0 && n > 0 {
		r.start = append(r.start, p[:min(n, missing)]...)
	}
	r.mu.Unlock()
	if err != nil {
		r.once.Do(func() {
			r.err = err
			close(r.ended)
		})
	}
	return n, err
}

// Write closes the connection after writing if socket.closing is set: then p is the
// library's connection.close, and the library would wait a round trip for the answer.
func (r *libraryConn) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	if err == nil && r.socket.closing.Load() {
		_ = r.Conn.Close() // which also ends the library's reader
	}
	return n, err
}

// Close waits for the reader's error if a Write has failed: the library closes
// the connection as soon as a Write fails.
func (r *libraryConn) Close() error {
	r.socket.mu.Lock()
	broken := r.socket.broken
	r.socket.mu.Unlock()
	if broken {
		r.await()
	}
	return r.Conn.Close()
}

const httpAnswer = "HTTP/"

// http reports whether the peer has answered like an HTTP server.
func (r *libraryConn) http() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.start) == httpAnswer
}

// await waits up to lastWords for reading to fail and reports whether it has.
func (r *libraryConn) await() bool {
	t := time.NewTimer(lastWords)
	defer t.Stop()
	select {
	case <-r.ended:
		return true
	case <-t.C:
		return false
	}
}

// alert returns the TLS alert with which the peer ended the connection, or err if no
// alert comes within lastWords.
func (r *libraryConn) alert(err error) error {
	if !r.await() {
		return err
	}
	if e, ok := errors.AsType[*net.OpError](r.err); ok && e.Op == transport.TLSAlert {
		return r.err
	}
	return err
}
