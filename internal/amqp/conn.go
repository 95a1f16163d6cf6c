package amqp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// writeChunk is how many bytes may take one write timeout: what is bounded is
// the time without progress, not that of a large message on a slow link.
const writeChunk = 256 << 10

// lastWords is how long a socket that cannot be written to any more stays open
// for the reader to take in what the broker sent before.
const lastWords = 200 * time.Millisecond

// conn is a socket whose writes end. The library holds its locks while it
// writes, and heartbeats and closing wait for the same locks, so a peer that
// stops reading would hold up everything for ever. Each Write here has a
// deadline, and the first that fails closes the socket, which wakes the reader
// as well. Its methods may be called from any goroutine.
type conn struct {
	net.Conn
	mu       sync.Mutex
	timeout  time.Duration // of one chunk
	deadline time.Time     // set by others for all writes; zero means none
	cause    error         // why the socket was closed here; nil if it was not
	broken   bool          // a write failed, and not for its deadline
}

func (c *conn) Write(p []byte) (written int, err error) {
	for chunk := p; ; {
		n, err := c.writeChunk(chunk[:min(len(chunk), writeChunk)])
		written += n
		chunk = chunk[n:]
		if err != nil || len(chunk) == 0 {
			return written, err
		}
	}
}

func (c *conn) writeChunk(p []byte) (int, error) {
	c.mu.Lock()
	timeout := c.timeout
	err := c.arm()
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

// arm sets the deadline of the write that is under way or about to start.
// The caller holds mu.
func (c *conn) arm() error {
	t := time.Now().Add(c.timeout)
	if !c.deadline.IsZero() && c.deadline.Before(t) {
		t = c.deadline
	}
	return c.Conn.SetWriteDeadline(t)
}

// setTimeout changes how long a write may take, including one that is under way.
func (c *conn) setTimeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = d
	_ = c.arm() // fails only on a closed socket, which bounds the write as well
}

// SetDeadline is called by the library around handshakes and by TLS on closing.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetWriteDeadline bounds all writes on top of the timeout of each.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.arm()
}

// abort closes the socket for cause; of several, the first is kept.
func (c *conn) abort(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	_ = c.Conn.Close() // nothing can be done about a socket that is given up
}

// why returns what the socket was aborted for, else err.
func (c *conn) why(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	return err
}

// reading is a stream over a conn that keeps the error which ends reading. With
// TLS 1.3 a server judges the client's certificate after the handshake; what it
// says can then only be read, while writing fails for no apparent reason.
type reading struct {
	net.Conn
	socket *conn
	once   sync.Once
	ended  chan struct{} // closed when reading has failed
	err    error         // set before ended is closed
}

func newReading(stream net.Conn, socket *conn) *reading {
	return &reading{Conn: stream, socket: socket, ended: make(chan struct{})}
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if err != nil {
		r.once.Do(func() {
			r.err = err
			close(r.ended)
		})
	}
	return n, err
}

// Close lets the reader have the last words first if writing has failed: the
// library closes at once when it does.
func (r *reading) Close() error {
	r.socket.mu.Lock()
	broken := r.socket.broken
	r.socket.mu.Unlock()
	if broken {
		r.await()
	}
	return r.Conn.Close()
}

// await waits a moment for reading to fail, and says whether it has.
func (r *reading) await() bool {
	t := time.NewTimer(lastWords)
	defer t.Stop()
	select {
	case <-r.ended:
		return true
	case <-t.C:
		return false
	}
}

// verdict returns the TLS alert with which the other side ended the connection,
// else err. It waits a moment for it.
func (r *reading) verdict(err error) error {
	if !r.await() {
		return err
	}
	if e, ok := errors.AsType[*net.OpError](r.err); ok && e.Op == remoteError {
		return r.err
	}
	return err
}
