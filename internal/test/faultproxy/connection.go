package faultproxy

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// connection is one connection through a proxy.
type connection struct {
	proxy          *Proxy
	client, broker *net.TCPConn
	lost           bool // bytes were dropped; guarded by proxy.mu
	once           sync.Once
	done           chan struct{}
}

// close ends both sides, with a reset or in order. It ignores errors: the peer may have
// closed its side first.
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

// closeOnError closes the connection if one direction has ended with an error. Otherwise the
// other direction goes on.
func (c *connection) closeOnError(err error) {
	if err != nil {
		c.close(false)
	}
}

// maxDelayed bounds the pieces that travel in one direction of a connection: 2048 pieces of
// up to 32 KiB are enough for 300 MB/s with a latency of 200 ms.
const maxDelayed = 2048

// piece is the data of one read, or a part of the data.
type piece struct {
	data    []byte
	due     time.Time     // when the piece may be written
	written chan struct{} // closed when the piece is written
}

// pipe forwards the data of one direction until src ends, and then ends dst. One goroutine
// reads and one writes. An error of either closes the connection, so that both stop.
func (c *connection) pipe(dst, src *net.TCPConn, replies bool) {
	travelling := make(chan piece, maxDelayed)
	var delivering sync.WaitGroup
	delivering.Go(func() { c.closeOnError(c.deliver(dst, travelling)) })
	c.closeOnError(c.receive(src, replies, travelling))
	close(travelling)
	delivering.Wait()
}

// receive reads pieces from src and sends them to travelling, with the current faults.
func (c *connection) receive(src io.Reader, replies bool, travelling chan<- piece) error {
	buf := make([]byte, 32<<10)
	for {
		if _, err := c.waitWhileHeld(); err != nil {
			return err
		}
		n, err := src.Read(buf)
		if errors.Is(err, io.EOF) {
			f, _ := c.proxy.current()
			return c.sleep(f.latency) // the end of the data takes as long as the data
		}
		if err != nil {
			return err
		}
		f, err := c.waitWhileHeld()
		if err != nil {
			return err
		}
		if c.drops(replies) {
			continue
		}
		if err := c.dispatch(slices.Clone(buf[:n]), f, travelling); err != nil {
			return err
		}
	}
}

// drops reports whether data that was just read must be dropped, and records the loss. It does
// both while it holds proxy.mu. So when the fault is turned off, no loss is recorded too late
// for the connection to be reset.
func (c *connection) drops(replies bool) bool {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	f := c.proxy.faults
	dropped := f.drop || replies && f.dropReplies
	c.lost = c.lost || dropped
	return dropped
}

// dispatch sends data to travelling at the bandwidth of f. Without latency it waits until the
// data is written, so that a peer that does not read makes the sender wait.
func (c *connection) dispatch(data []byte, f faults, travelling chan<- piece) error {
	for len(data) > 0 {
		p := piece{data: data, written: make(chan struct{})}
		if f.bytesPerSecond > 0 {
			p.data = data[:min(len(data), max(1, f.bytesPerSecond/20))]
			if err := c.sleep(time.Duration(len(p.data)) * time.Second / time.Duration(f.bytesPerSecond)); err != nil {
				return err
			}
		}
		data = data[len(p.data):]
		p.due = time.Now().Add(f.latency)
		select {
		case travelling <- p:
		case <-c.done:
			return net.ErrClosed
		}
		if f.latency > 0 {
			continue
		}
		select {
		case <-p.written:
		case <-c.done:
			return net.ErrClosed
		}
	}
	return nil
}

// deliver writes each piece when it is due.
func (c *connection) deliver(dst *net.TCPConn, travelling <-chan piece) error {
	for p := range travelling {
		if err := c.sleep(time.Until(p.due)); err != nil {
			return err
		}
		if _, err := c.waitWhileHeld(); err != nil {
			return err
		}
		if _, err := dst.Write(p.data); err != nil {
			return err
		}
		close(p.written)
	}
	return dst.CloseWrite()
}

// waitWhileHeld waits while Hold is on, and returns the current faults.
func (c *connection) waitWhileHeld() (faults, error) {
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
