package fakebroker

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one connection to a Broker.
type Conn struct {
	broker   *Broker
	socket   *net.TCPConn
	script   Script
	channels map[uint16]*channelState // only for the goroutine that calls serve

	writing sync.Mutex // held while writing to socket
	once    sync.Once  // closes socket and done
	done    chan struct{}
}

// channelState is an open channel and the message that is arriving on it.
type channelState struct {
	confirms bool
	closing  atomic.Bool // the broker has closed the channel, and close-ok has not arrived yet
	tag      uint64      // delivery tag of the last message
	arriving *Message    // nil between two messages
	missing  uint64      // bytes of the body that have not arrived yet
}

// serve answers the client until the connection ends.
func (c *Conn) serve(r io.Reader) error {
	greeting := make([]byte, 8)
	if _, err := io.ReadFull(r, greeting); err != nil {
		return err
	}
	if string(greeting) != "AMQP\x00\x00\x09\x01" {
		return fmt.Errorf("greeting %q", greeting)
	}
	var start arguments
	start.b = append(start.b, 0, 9) // version
	var capabilities arguments
	for _, name := range []string{"publisher_confirms", "basic.nack", "connection.blocked"} {
		capabilities.putShortstr(name)
		capabilities.b = append(capabilities.b, 't', 1)
	}
	var properties arguments
	properties.putShortstr("capabilities")
	properties.b = append(properties.b, 'F')
	properties.putLongstr(string(capabilities.b))
	start.putLongstr(string(properties.b))
	start.putLongstr("PLAIN EXTERNAL")
	start.putLongstr("en_US")
	c.send(0, connectionStart, start)

	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		switch f.kind {
		case frameMethod:
			a := arguments{b: f.payload}
			m := method(a.long())
			if err := c.call(f.channel, m, &a); err != nil {
				return err
			}
			if a.bad {
				return fmt.Errorf("method %d.%d is too short", m>>16, m&0xffff)
			}
			if m == connectionClose {
				return nil
			}
		case frameHeader, frameBody:
			if err := c.content(f); err != nil {
				return err
			}
		case frameHeartbeat:
		default:
			return fmt.Errorf("a frame of kind %d", f.kind)
		}
	}
}

// call answers a method of the client.
func (c *Conn) call(channel uint16, m method, a *arguments) error {
	ch := c.channels[channel]
	if channel != 0 && ch == nil && m != channelOpen {
		return fmt.Errorf("method %d.%d on channel %d, which is not open", m>>16, m&0xffff, channel)
	}
	if ch != nil && ch.closing.Load() && m != channelClose && m != channelCloseOK {
		return nil // a peer that has closed a channel discards what follows
	}
	switch m {
	case connectionStartOK:
		var tune arguments
		tune.putShort(2047)
		tune.putLong(frameMax)
		tune.putShort(60)
		c.send(0, connectionTune, tune)
	case connectionTuneOK:
		a.short() // channel max
		a.long()  // frame max
		if seconds := a.short(); seconds > 0 {
			c.broker.running.Go(func() { c.beat(time.Duration(seconds) * time.Second / 2) })
		}
	case connectionOpen:
		c.send(0, connectionOpenOK, arguments{b: []byte{0}})
	case connectionClose:
		c.send(0, connectionCloseOK, arguments{})
	case channelOpen:
		c.channels[channel] = &channelState{}
		c.send(channel, channelOpenOK, arguments{b: []byte{0, 0, 0, 0}})
	case channelClose:
		delete(c.channels, channel)
		c.send(channel, channelCloseOK, arguments{})
	case channelCloseOK:
		delete(c.channels, channel)
	case exchangeDeclare:
		a.short()    // reserved
		a.shortstr() // name
		a.shortstr() // type
		if a.octet()&noWait == 0 {
			c.send(channel, exchangeDeclareOK, arguments{})
		}
	case queueDeclare:
		if c.broker.queueMissing.Load() {
			c.closeChannel(channel, ch, 404, "NOT_FOUND - no queue in vhost '/'", queueDeclare)
			return nil
		}
		a.short() // reserved
		var ok arguments
		ok.putShortstr(a.shortstr())
		ok.putLong(0) // messages
		ok.putLong(0) // consumers
		if a.octet()&noWait == 0 {
			c.send(channel, queueDeclareOK, ok)
		}
	case confirmSelect:
		ch.confirms = true
		c.send(channel, confirmSelectOK, arguments{})
	case basicPublish:
		if !ch.confirms {
			return fmt.Errorf("a message on channel %d, which is not in confirm mode", channel)
		}
		ch.tag++
		a.short() // reserved
		ch.arriving = &Message{
			Conn: c, Channel: channel, Tag: ch.tag, state: ch,
			Exchange: a.shortstr(), RoutingKey: a.shortstr(), Mandatory: a.octet()&1 != 0,
		}
	default:
		return fmt.Errorf("method %d.%d, which fakebroker does not implement", m>>16, m&0xffff)
	}
	return nil
}

// content adds a header or body frame to the arriving message, and calls the script when the
// message is complete.
func (c *Conn) content(f frame) error {
	ch := c.channels[f.channel]
	if ch != nil && ch.closing.Load() {
		return nil
	}
	if ch == nil || ch.arriving == nil {
		return fmt.Errorf("a content frame on channel %d without basic.publish", f.channel)
	}
	m := ch.arriving
	if f.kind == frameHeader {
		a := arguments{b: f.payload}
		a.long() // class and weight
		ch.missing = a.quad()
		m.header, m.MessageID = f.payload, messageID(a.b)
	} else {
		if uint64(len(f.payload)) > ch.missing {
			return fmt.Errorf("a body on channel %d is longer than its header says", f.channel)
		}
		ch.missing -= uint64(len(f.payload))
		m.Body = append(m.Body, f.payload...)
	}
	if ch.missing > 0 {
		return nil
	}
	ch.arriving = nil
	c.broker.mu.Lock()
	c.broker.messages = append(c.broker.messages, *m)
	c.broker.mu.Unlock()
	c.script(*m)
	return nil
}

// Blocked announces that the connection is blocked. The broker still reads.
func (c *Conn) Blocked(reason string) {
	var a arguments
	a.putShortstr(reason)
	c.send(0, connectionBlocked, a)
}

// Unblocked announces that the connection is no longer blocked.
func (c *Conn) Unblocked() { c.send(0, connectionUnblocked, arguments{}) }

// StopReading blocks the goroutine that reads the connection until the
// connection ends, so that the client's writes block once the buffers are full.
// Heartbeats and answers still go out. Only a Script may call StopReading.
func (c *Conn) StopReading() { <-c.done }

// closeChannel closes a channel with a reply code. failed is the method that the broker refuses.
// Whatever else the client sends on the channel is discarded.
func (c *Conn) closeChannel(channel uint16, ch *channelState, code uint16, text string, failed method) {
	var a arguments
	a.putShort(code)
	a.putShortstr(text)
	a.putLong(uint32(failed))
	ch.closing.Store(true)
	c.send(channel, channelClose, a)
}

// Reset ends the connection with a reset (RST).
func (c *Conn) Reset() { c.end(true) }

func (c *Conn) end(reset bool) {
	c.once.Do(func() {
		if reset {
			_ = c.socket.SetLinger(0)
		}
		_ = c.socket.Close()
		close(c.done)
	})
}

// send writes a method and the frames that follow it in one write. It ignores errors, since
// the goroutine that reads also sees the end of the connection.
func (c *Conn) send(channel uint16, m method, a arguments, more ...frame) {
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

func (c *Conn) writeAll(b []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, _ = c.socket.Write(b)
}

// beat sends heartbeats until the connection ends.
func (c *Conn) beat(every time.Duration) {
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
