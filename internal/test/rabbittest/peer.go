package rabbittest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Peer is a scripted AMQP 0-9-1 peer, for what no real broker does on demand:
// confirmations out of order, of several at once, mixed with refusals, late or
// never; messages returned; a peer that stops reading. It lets everybody in,
// says yes to every declaration, and keeps what is published.
type Peer struct {
	t        testing.TB
	listener net.Listener
	script   func(connection int) Script
	running  sync.WaitGroup

	mu       sync.Mutex
	conns    []*PeerConn
	messages []PeerMessage
}

// Script is called for each message that has arrived whole, in order, from
// one goroutine for each connection. It may keep the message and answer it
// later, from any goroutine.
type Script func(m PeerMessage)

// PeerMessage is a message that a peer was sent.
type PeerMessage struct {
	Conn       *PeerConn
	Channel    uint16
	Tag        uint64 // delivery tag, from 1 on each channel
	Exchange   string
	RoutingKey string
	Mandatory  bool
	MessageID  string
	Body       []byte

	header []byte
}

// StartPeer starts a peer on 127.0.0.1 that ends when t ends. script is called
// for each connection, counted from 1, and gives what is done with its
// messages. What the client does against the protocol fails t.
func StartPeer(t testing.TB, script func(connection int) Script) *Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("rabbittest: the peer cannot listen: %v", err)
	}
	p := &Peer{t: t, listener: l, script: script}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		p.accept()
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-accepting
		p.mu.Lock()
		conns := slices.Clone(p.conns)
		p.mu.Unlock()
		for _, c := range conns {
			c.Reset()
		}
		p.running.Wait()
	})
	return p
}

// Addr is the host:port where the peer listens.
func (p *Peer) Addr() string { return p.listener.Addr().String() }

// Port is the port where the peer listens.
func (p *Peer) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Messages are those that have arrived so far, over all connections.
func (p *Peer) Messages() []PeerMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages)
}

// Connections is the number of connections that there have been.
func (p *Peer) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

func (p *Peer) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		c := &PeerConn{
			peer: p, conn: conn.(*net.TCPConn), done: make(chan struct{}),
			channels: map[uint16]*peerChannel{},
		}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		number := len(p.conns)
		p.mu.Unlock()
		c.script = p.script(number)
		p.running.Go(func() {
			err := c.serve(bufio.NewReader(conn))
			c.end(false)
			if err != nil && !gone(err) {
				p.t.Errorf("rabbittest: the peer's client: %v", err)
			}
		})
	}
}

// gone says whether the connection has ended, as opposed to a client that does
// not speak the protocol.
func gone(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// PeerConn is one connection to a peer.
type PeerConn struct {
	peer   *Peer
	conn   *net.TCPConn
	script Script
	once   sync.Once
	done   chan struct{}

	write    sync.Mutex
	channels map[uint16]*peerChannel
}

// Ack confirms the message, and all before it on its channel if multiple.
func (m PeerMessage) Ack(multiple bool) { m.confirm(basicAck, multiple) }

// Nack refuses the message, and all before it on its channel if multiple.
func (m PeerMessage) Nack(multiple bool) { m.confirm(basicNack, multiple) }

func (m PeerMessage) confirm(method method, multiple bool) {
	var a arguments
	a.putQuad(m.Tag)
	a.putOctet(map[bool]byte{true: 1}[multiple]) // and, of a nack, requeue: no
	m.Conn.send(m.Channel, method, a)
}

// Return gives the message back, as a broker does before it confirms a
// mandatory one that it cannot route (312 NO_ROUTE); it does not confirm it.
func (m PeerMessage) Return(code uint16, text string) {
	var a arguments
	a.putShort(code)
	a.putShortstr(text)
	a.putShortstr(m.Exchange)
	a.putShortstr(m.RoutingKey)
	m.Conn.send(m.Channel, basicReturn, a,
		frame{frameHeader, m.Channel, m.header}, frame{frameBody, m.Channel, m.Body})
}

// Blocked announces that the connection is blocked; it is not.
func (c *PeerConn) Blocked(reason string) {
	var a arguments
	a.putShortstr(reason)
	c.send(0, connectionBlocked, a)
}

// Unblocked takes Blocked back.
func (c *PeerConn) Unblocked() { c.send(0, connectionUnblocked, arguments{}) }

// StopReading makes the peer read nothing any more: the client's writes block
// once the buffers are full. Heartbeats and what the script says still go out.
// For a script, which runs where the peer reads.
func (c *PeerConn) StopReading() { <-c.done }

// Close closes the connection as a broker does, with a reply code.
func (c *PeerConn) Close(code uint16, text string) {
	var a arguments
	a.putShort(code)
	a.putShortstr(text)
	a.putLong(0) // the method that failed: none
	c.send(0, connectionClose, a)
}

// Reset ends the connection with a reset (RST).
func (c *PeerConn) Reset() { c.end(true) }

func (c *PeerConn) end(reset bool) {
	c.once.Do(func() {
		if reset {
			_ = c.conn.SetLinger(0)
		}
		_ = c.conn.Close()
		close(c.done)
	})
}

// send writes a method with what belongs to it in one piece. The client being
// gone is found by whoever reads.
func (c *PeerConn) send(channel uint16, m method, a arguments, more ...frame) {
	var call arguments
	call.putLong(uint32(m))
	b := appendFrame(nil, frameMethod, channel, append(call.b, a.b...))
	for _, f := range more {
		for f.kind == frameBody && len(f.payload) > frameMax-8 {
			b = appendFrame(b, f.kind, f.channel, f.payload[:frameMax-8])
			f.payload = f.payload[frameMax-8:]
		}
		b = appendFrame(b, f.kind, f.channel, f.payload)
	}
	c.writeAll(b)
}

func (c *PeerConn) writeAll(b []byte) {
	c.write.Lock()
	defer c.write.Unlock()
	_, _ = c.conn.Write(b)
}

// beat sends heartbeats until the connection ends.
func (c *PeerConn) beat(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
			c.writeAll(appendFrame(nil, frameHeartbeat, 0, nil))
		}
	}
}

func unexpected(m method) error {
	return fmt.Errorf("method %d.%d, which the scripted peer does not know", m>>16, m&0xffff)
}
