package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one connection through a proxy.
type connection struct {
	proxy          *Proxy
	client, broker *net.TCPConn
	lost           atomic.Bool // bytes were dropped
	once           sync.Once
	done           chan struct{}
}

// close ends both sides, with a reset or in order. That closing can fail when
// the peer was faster does not matter.
func (c *connection) close(reset bool) {
	c.once.Do(func() {
		close(c.done)
		for _, side := range []*net.TCPConn{c.client, c.broker} {
			if reset {
				_ = side.SetLinger(0)
			}
			_ = side.Close()
		}
	})
}

// end is told how a direction ended: after an orderly end the other goes on.
func (c *connection) end(err error) {
	if err != nil {
		c.close(false)
	}
}

// pipe passes on what src says until it has no more to say.
func (c *connection) pipe(dst, src *net.TCPConn, replies bool) error {
	buf := make([]byte, 32<<10)
	for {
		if _, err := c.passing(); err != nil {
			return err
		}
		n, err := src.Read(buf)
		if errors.Is(err, io.EOF) {
			return dst.CloseWrite()
		}
		if err != nil {
			return err
		}
		f, err := c.passing()
		if err != nil {
			return err
		}
		if f.drop || replies && f.dropReplies {
			c.lost.Store(true)
			continue
		}
		if err := c.write(dst, buf[:n], f); err != nil {
			return err
		}
	}
}

func (c *connection) write(dst io.Writer, b []byte, f faults) error {
	delay := f.latency
	for len(b) > 0 {
		piece := b
		if f.bytesPerSecond > 0 {
			piece = b[:min(len(b), max(1, f.bytesPerSecond/20))]
			delay += time.Duration(len(piece)) * time.Second / time.Duration(f.bytesPerSecond)
		}
		if err := c.sleep(delay); err != nil {
			return err
		}
		if _, err := dst.Write(piece); err != nil {
			return err
		}
		b, delay = b[len(piece):], 0
	}
	return nil
}

// passing waits until the proxy does not hold.
func (c *connection) passing() (faults, error) {
	for {
		f, changed := c.proxy.current()
		if !f.hold {
			return f, nil
		}
		select {
		case <-changed:
		case <-c.done:
			return f, net.ErrClosed
		}
	}
}

func (c *connection) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-c.done:
		return net.ErrClosed
	}
}
