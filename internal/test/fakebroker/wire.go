package fakebroker

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Constants of AMQP 0-9-1, from the specification (amqp0-9-1.xml).
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xCE
	frameMax       = 131072

	noWait = 1 << 4 // a bit of exchange.declare and of queue.declare
)

// method is a class id and a method id in one number.
type method uint32

const (
	connectionStart     method = 10<<16 | 10
	connectionStartOK   method = 10<<16 | 11
	connectionTune      method = 10<<16 | 30
	connectionTuneOK    method = 10<<16 | 31
	connectionOpen      method = 10<<16 | 40
	connectionOpenOK    method = 10<<16 | 41
	connectionClose     method = 10<<16 | 50
	connectionCloseOK   method = 10<<16 | 51
	connectionBlocked   method = 10<<16 | 60
	connectionUnblocked method = 10<<16 | 61
	channelOpen         method = 20<<16 | 10
	channelOpenOK       method = 20<<16 | 11
	channelClose        method = 20<<16 | 40
	channelCloseOK      method = 20<<16 | 41
	exchangeDeclare     method = 40<<16 | 10
	exchangeDeclareOK   method = 40<<16 | 11
	queueDeclare        method = 50<<16 | 10
	queueDeclareOK      method = 50<<16 | 11
	basicPublish        method = 60<<16 | 40
	basicReturn         method = 60<<16 | 50
	basicAck            method = 60<<16 | 80
	basicNack           method = 60<<16 | 120
	confirmSelect       method = 85<<16 | 10
	confirmSelectOK     method = 85<<16 | 11
)

type frame struct {
	kind    byte
	channel uint16
	payload []byte
}

func readFrame(r io.Reader) (frame, error) {
	var head [7]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: head[0], channel: binary.BigEndian.Uint16(head[1:])}
	size := binary.BigEndian.Uint32(head[3:])
	if size > frameMax-8 { // a header of 7 bytes and frameEnd
		return f, fmt.Errorf("a frame with %d bytes of payload, more than the %d agreed on", size, frameMax-8)
	}
	f.payload = make([]byte, size+1)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return f, err
	}
	if f.payload[size] != frameEnd {
		return f, fmt.Errorf("a frame ends with %#x", f.payload[size])
	}
	f.payload = f.payload[:size]
	return f, nil
}

func appendFrame(b []byte, kind byte, channel uint16, payload []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(append(b, payload...), frameEnd)
}

// arguments reads or writes the arguments of a method. A read past the end
// returns a zero value and sets bad.
type arguments struct {
	b   []byte
	bad bool
}

func (a *arguments) take(n int) []byte {
	if len(a.b) < n {
		a.bad, a.b = true, nil
		return make([]byte, n)
	}
	taken := a.b[:n]
	a.b = a.b[n:]
	return taken
}

func (a *arguments) octet() byte      { return a.take(1)[0] }
func (a *arguments) short() uint16    { return binary.BigEndian.Uint16(a.take(2)) }
func (a *arguments) long() uint32     { return binary.BigEndian.Uint32(a.take(4)) }
func (a *arguments) quad() uint64     { return binary.BigEndian.Uint64(a.take(8)) }
func (a *arguments) shortstr() string { return string(a.take(int(a.octet()))) }
func (a *arguments) table()           { a.take(int(a.long())) }

func (a *arguments) putOctet(v byte)   { a.b = append(a.b, v) }
func (a *arguments) putShort(v uint16) { a.b = binary.BigEndian.AppendUint16(a.b, v) }
func (a *arguments) putLong(v uint32)  { a.b = binary.BigEndian.AppendUint32(a.b, v) }
func (a *arguments) putQuad(v uint64)  { a.b = binary.BigEndian.AppendUint64(a.b, v) }
func (a *arguments) putShortstr(s string) {
	a.b = append(append(a.b, byte(len(s))), s...)
}

func (a *arguments) putLongstr(s string) {
	a.putLong(uint32(len(s)))
	a.b = append(a.b, s...)
}

// messageID returns the message id among the properties of a content header.
func messageID(properties []byte) string {
	a := arguments{b: properties}
	flags := a.short()
	for bit := 15; bit > 7; bit-- {
		if flags&(1<<bit) == 0 {
			continue
		}
		switch bit {
		case 13: // headers
			a.table()
		case 12, 11: // delivery mode, priority
			a.octet()
		default: // content type and encoding, correlation id, reply to, expiration
			a.shortstr()
		}
	}
	if flags&(1<<7) == 0 {
		return ""
	}
	return a.shortstr()
}
