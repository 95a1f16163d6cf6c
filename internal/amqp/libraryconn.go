package amqp

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tstat-transport/internal/transport"
)

// lastWords is how long a failed connection stays open, so that the broker's last
// frames or its TLS alert can still be read.
const lastWords = 200 * time.Millisecond

// libraryConn is the connection that the library reads and writes: a deadlineConn, or TLS
// on one. It keeps the first bytes, which show an HTTP server, and the error that ended
// reading. With TLS 1.3 a server checks the client's certificate after the handshake. Its
// refusal is an alert that only Read returns; Write fails without a reason.
type libraryConn struct {
	net.Conn
	broken atomic.Bool // a Write has failed, not because of a deadline

	once    sync.Once
	ended   chan struct{} // closed when reading has failed
	readErr error         // set before ended is closed

	mu    sync.Mutex // guards start
	start []byte     // the first bytes read, at most as many as httpAnswer has
}

func newLibraryConn(conn net.Conn) *libraryConn {
	return &libraryConn{Conn: conn, ended: make(chan struct{})}
}

func (c *libraryConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	if missing := len(httpAnswer) - len(c.start); missing > 0 && n > 0 {
		c.start = append(c.start, p[:min(n, missing)]...)
	}
	c.mu.Unlock()
	if err != nil {
		c.once.Do(func() {
			c.readErr = err
			close(c.ended)
		})
	}
	return n, err
}

func (c *libraryConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.broken.Store(true)
	}
	return n, err
}

// Close waits for the reader's error if a Write has failed: the library closes the
// connection as soon as a Write fails.
func (c *libraryConn) Close() error {
	if c.broken.Load() {
		c.await()
	}
	return c.Conn.Close()
}

const httpAnswer = "HTTP/"

// http reports whether the peer has answered like an HTTP server.
func (c *libraryConn) http() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.start) == httpAnswer
}

// await waits up to lastWords for reading to fail and reports whether it has.
func (c *libraryConn) await() bool {
	t := time.NewTimer(lastWords)
	defer t.Stop()
	select {
	case <-c.ended:
		return true
	case <-t.C:
		return false
	}
}

// alert returns the TLS alert with which the peer ended the connection, or err if no
// alert comes within lastWords.
func (c *libraryConn) alert(err error) error {
	if !c.await() {
		return err
	}
	if e, ok := errors.AsType[*net.OpError](c.readErr); ok && e.Op == transport.TLSAlert {
		return c.readErr
	}
	return err
}
