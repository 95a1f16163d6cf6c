// Package faultproxy is a TCP proxy between a client and a broker. It resets connections, and
// holds, drops, slows down or delays the data.
package faultproxy

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// Proxy is a TCP proxy with faults. Each setting may be changed at any time, and applies to
// open and future connections.
type Proxy struct {
	addr     string
	upstream string
	report   func(format string, args ...any)

	mu          sync.Mutex
	listener    net.Listener // nil while down
	connections map[*connection]bool
	faults      faults
	changed     chan struct{} // closed when faults change, and replaced
	running     sync.WaitGroup
}

type faults struct {
	drop, dropReplies, hold bool
	bytesPerSecond          int
	latency                 time.Duration
}

// Start starts a proxy on 127.0.0.1 that forwards to upstream (host:port), and
// stops it when t ends.
func Start(t testing.TB, upstream string) *Proxy {
	t.Helper()
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{
		addr:        net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		upstream:    upstream,
		report:      t.Errorf,
		connections: map[*connection]bool{},
		changed:     make(chan struct{}),
	}
	p.Up()
	t.Cleanup(func() {
		p.Down()
		p.running.Wait()
	})
	return p
}

// Addr returns the host:port on which the proxy listens.
func (p *Proxy) Addr() string { return p.addr }

// Up makes the proxy listen again, on the same port.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.report("faultproxy: cannot listen: %v", err)
		return
	}
	p.listener = l
	p.running.Go(func() { p.accept(l) })
}

// Down closes all connections, and new ones are refused.
func (p *Proxy) Down() {
	p.mu.Lock()
	l := p.listener
	p.listener = nil
	p.mu.Unlock()
	if l != nil {
		if err := l.Close(); err != nil {
			p.report("faultproxy: cannot stop listening: %v", err)
		}
	}
	p.closeConnections(false)
}

// ResetConnections ends all connections with a reset (RST) on both sides, and returns how many
// there were. The proxy still accepts new connections.
func (p *Proxy) ResetConnections() int { return p.closeConnections(true) }

// DropPackets drops all data from both sides. Connections stay open, new ones are accepted,
// and both sides can write without end, as to a half-open connection. When DropPackets is
// turned off, it resets the connections that have lost data.
func (p *Proxy) DropPackets(on bool) {
	p.set(func(f *faults) { f.drop = on })
	if !on {
		p.closeLost()
	}
}

// DropReplies is DropPackets for the data from the broker only, such as confirmations.
func (p *Proxy) DropReplies(on bool) {
	p.set(func(f *faults) { f.dropReplies = on })
	if !on {
		p.closeLost()
	}
}

// Hold stops reading on both sides, so that the senders' buffers fill up and their writes
// block. When Hold is turned off, the connections go on. No data is lost.
func (p *Proxy) Hold(on bool) { p.set(func(f *faults) { f.hold = on }) }

// Bandwidth limits each direction of each connection. 0 means no limit.
func (p *Proxy) Bandwidth(bytesPerSecond int) {
	p.set(func(f *faults) { f.bytesPerSecond = bytesPerSecond })
}

// Latency delays all data, and the end of the data, by d in each direction, as distance does.
// It does not limit the bandwidth: many pieces travel at the same time. A reset is not delayed.
func (p *Proxy) Latency(d time.Duration) { p.set(func(f *faults) { f.latency = d }) }

func (p *Proxy) set(change func(*faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) current() (faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

func (p *Proxy) closeConnections(reset bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.connections {
		c.close(reset)
	}
	return len(p.connections)
}

func (p *Proxy) closeLost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.connections {
		if c.lost {
			c.close(true)
		}
	}
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.report("faultproxy: cannot accept: %v", err)
			}
			return
		}
		p.running.Go(func() { p.serve(l, client.(*net.TCPConn)) })
	}
}

// serve forwards the connection of a client that listener has accepted.
func (p *Proxy) serve(listener net.Listener, client *net.TCPConn) {
	broker, err := net.DialTimeout("tcp", p.upstream, 10*time.Second)
	if err != nil {
		_ = client.Close() // the client sees the end of the connection
		return
	}
	c := &connection{proxy: p, client: client, broker: broker.(*net.TCPConn), done: make(chan struct{})}
	p.mu.Lock()
	if p.listener == listener {
		p.connections[c] = true
	} else { // Down was called while the broker was dialled
		c.close(false)
	}
	p.mu.Unlock()

	var directions sync.WaitGroup
	directions.Go(func() { c.pipe(c.broker, client, false) })
	directions.Go(func() { c.pipe(client, c.broker, true) })
	directions.Wait()
	c.close(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.connections, c)
}
