package rabbittest

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection through a proxy.
type link struct {
	proxy          *Proxy
	client, broker *net.TCPConn
	lost           atomic.Bool // bytes were dropped
	once           sync.Once
	done           chan struct{}
}

// close ends both sides, with a reset or in order. That closing can fail when
// the peer was faster does not matter.
func (l *link) close(reset bool) {
	l.once.Do(func() {
		close(l.done)
		for _, c := range []*net.TCPConn{l.client, l.broker} {
			if reset {
				_ = c.SetLinger(0)
			}
			_ = c.Close()
		}
	})
}

// end is told how a direction ended: after an orderly end the other goes on.
func (l *link) end(err error) {
	if err != nil {
		l.close(false)
	}
}

// pipe passes on what src says until it has no more to say.
func (l *link) pipe(dst, src *net.TCPConn, replies bool) error {
	buf := make([]byte, 32<<10)
	for {
		if _, err := l.passing(); err != nil {
			return err
		}
		n, err := src.Read(buf)
		if errors.Is(err, io.EOF) {
			return dst.CloseWrite()
		}
		if err != nil {
			return err
		}
		f, err := l.passing()
		if err != nil {
			return err
		}
		if f.drop || replies && f.dropReplies {
			l.lost.Store(true)
			continue
		}
		if err := l.write(dst, buf[:n], f); err != nil {
			return err
		}
	}
}

func (l *link) write(dst io.Writer, b []byte, f faults) error {
	delay := f.latency
	for len(b) > 0 {
		piece := b
		if f.bytesPerSecond > 0 {
			piece = b[:min(len(b), max(1, f.bytesPerSecond/20))]
			delay += time.Duration(len(piece)) * time.Second / time.Duration(f.bytesPerSecond)
		}
		if err := l.sleep(delay); err != nil {
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
func (l *link) passing() (faults, error) {
	for {
		f, changed := l.proxy.current()
		if !f.hold {
			return f, nil
		}
		select {
		case <-changed:
		case <-l.done:
			return f, net.ErrClosed
		}
	}
}

func (l *link) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-l.done:
		return net.ErrClosed
	}
}
