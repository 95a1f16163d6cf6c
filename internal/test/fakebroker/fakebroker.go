// Package fakebroker is a scripted AMQP 0-9-1 broker. It does what no real broker does on
// demand: it confirms out of order, several messages at once, mixed with refusals, late or
// never; it returns messages; and it stops reading.
package fakebroker

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// Broker accepts every login and every declaration, and keeps all messages.
type Broker struct {
	t        testing.TB
	listener net.Listener
	script   func(connection int) Script
	running  sync.WaitGroup

	queueMissing atomic.Bool

	mu       sync.Mutex
	conns    []*Conn
	messages []Message
}

// Script is called for each message, in order, from one goroutine for each connection. A
// script may keep the message and answer later, from any goroutine.
type Script func(m Message)

// Message is a message that a client has published.
type Message struct {
	Conn       *Conn
	Channel    uint16
	Tag        uint64 // delivery tag, from 1 on each channel
	Exchange   string
	RoutingKey string
	Mandatory  bool
	MessageID  string
	Body       []byte

	header []byte
	state  *channelState // of Channel
}

// Start starts a broker on 127.0.0.1 and stops it when t ends. script returns the Script of a
// connection; connections are counted from 1. A client that violates the protocol fails t.
func Start(t testing.TB, script func(connection int) Script) *Broker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("fakebroker: cannot listen: %v", err)
	}
	b := &Broker{t: t, listener: l, script: script}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		b.accept()
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-accepting
		b.mu.Lock()
		conns := slices.Clone(b.conns)
		b.mu.Unlock()
		for _, c := range conns {
			c.Reset()
		}
		b.running.Wait()
	})
	return b
}

// QueueMissing makes the broker answer 404 NOT_FOUND to every queue.declare.
func (b *Broker) QueueMissing() { b.queueMissing.Store(true) }

// Addr returns the host:port on which the broker listens.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// Port returns the port on which the broker listens.
func (b *Broker) Port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// Messages returns the messages that have arrived so far, over all connections.
func (b *Broker) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

func (b *Broker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		c := &Conn{
			broker: b, socket: conn.(*net.TCPConn), done: make(chan struct{}),
			channels: map[uint16]*channelState{},
		}
		b.mu.Lock()
		b.conns = append(b.conns, c)
		number := len(b.conns)
		b.mu.Unlock()
		c.script = b.script(number)
		b.running.Go(func() {
			err := c.serve(bufio.NewReader(conn))
			c.end(false)
			if err != nil && !gone(err) {
				b.t.Errorf("fakebroker: the client: %v", err)
			}
		})
	}
}

// gone reports whether err is the end of the connection. Any other error is a violation of
// the protocol.
func gone(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Ack confirms the message, and all before it on its channel if multiple.
func (m Message) Ack(multiple bool) { m.confirm(basicAck, multiple) }

// Nack refuses the message, and all before it on its channel if multiple.
func (m Message) Nack(multiple bool) { m.confirm(basicNack, multiple) }

func (m Message) confirm(method method, multiple bool) {
	var a arguments
	a.putQuad(m.Tag)
	a.putOctet(map[bool]byte{true: 1}[multiple]) // in a nack the same octet holds requeue: false
	m.Conn.send(m.Channel, method, a)
}

// CloseChannel closes the message's channel with a reply code. The broker discards the messages
// that the client sends before it learns of the end of the channel.
func (m Message) CloseChannel(code uint16, text string) {
	m.Conn.closeChannel(m.Channel, m.state, code, text, basicPublish)
}

// Return returns the message to the client, as a broker does before it confirms
// a mandatory message without a route (312 NO_ROUTE). Return does not confirm
// the message.
func (m Message) Return(code uint16, text string) {
	var a arguments
	a.putShort(code)
	a.putShortstr(text)
	a.putShortstr(m.Exchange)
	a.putShortstr(m.RoutingKey)
	m.Conn.send(m.Channel, basicReturn, a,
		frame{frameHeader, m.Channel, m.header}, frame{frameBody, m.Channel, m.Body})
}
