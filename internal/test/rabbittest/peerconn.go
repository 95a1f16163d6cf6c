package rabbittest

import (
	"fmt"
	"io"
	"time"
)

// peerChannel is a channel with the message that is arriving on it.
type peerChannel struct {
	confirms bool
	tag      uint64 // of the last message
	arriving *PeerMessage
	missing  uint64 // bytes of its body
}

// serve reads until the connection ends, and does what it is told.
func (c *PeerConn) serve(r io.Reader) error {
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
			if m == connectionCloseOK {
				return nil
			}
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

// call answers a method, or notes what it begins.
func (c *PeerConn) call(channel uint16, m method, a *arguments) error {
	ch := c.channels[channel]
	if channel != 0 && ch == nil && m != channelOpen {
		return fmt.Errorf("method %d.%d on channel %d, which is not open", m>>16, m&0xffff, channel)
	}
	switch m {
	case connectionStartOK:
		var tune arguments
		tune.putShort(2047)
		tune.putLong(frameMax)
		tune.putShort(60)
		c.send(0, connectionTune, tune)
	case connectionTuneOK:
		a.short()
		a.long()
		if seconds := a.short(); seconds > 0 {
			c.peer.running.Go(func() { c.beat(time.Duration(seconds) * time.Second / 2) })
		}
	case connectionOpen:
		c.send(0, connectionOpenOK, arguments{b: []byte{0}})
	case connectionClose:
		c.send(0, connectionCloseOK, arguments{})
	case channelOpen:
		c.channels[channel] = &peerChannel{}
		c.send(channel, channelOpenOK, arguments{b: []byte{0, 0, 0, 0}})
	case channelClose:
		delete(c.channels, channel)
		c.send(channel, channelCloseOK, arguments{})
	case channelCloseOK:
		delete(c.channels, channel)
	case exchangeDeclare:
		c.send(channel, exchangeDeclareOK, arguments{})
	case queueDeclare:
		a.short()
		var ok arguments
		ok.putShortstr(a.shortstr())
		ok.putLong(0) // messages
		ok.putLong(0) // consumers
		c.send(channel, queueDeclareOK, ok)
	case confirmSelect:
		ch.confirms = true
		c.send(channel, confirmSelectOK, arguments{})
	case basicPublish:
		if !ch.confirms {
			return fmt.Errorf("a message on channel %d, where confirmations were not asked for", channel)
		}
		ch.tag++
		a.short()
		ch.arriving = &PeerMessage{
			Conn: c, Channel: channel, Tag: ch.tag,
			Exchange: a.shortstr(), RoutingKey: a.shortstr(), Mandatory: a.octet()&1 != 0,
		}
	default:
		return unexpected(m)
	}
	return nil
}

// content takes in a piece of a message, and hands it to the script with the
// last.
func (c *PeerConn) content(f frame) error {
	ch := c.channels[f.channel]
	if ch == nil || ch.arriving == nil {
		return fmt.Errorf("a message's content on channel %d without a publish", f.channel)
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
	c.peer.mu.Lock()
	c.peer.messages = append(c.peer.messages, *m)
	c.peer.mu.Unlock()
	c.script(*m)
	return nil
}
