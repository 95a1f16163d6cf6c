package message

import "bytes"

// Part is a message's body with the number of its flows.
type Part struct {
	Body  []byte
	Flows int
}

// Halves splits the body of a message of at least two flows, written by an Encoder,
// into the bodies of two messages.
func Halves(body []byte, flows int) [2]Part {
	// Each flow but the first starts with this text. A string inside a flow cannot contain
	// it, since its quotes are escaped.
	flow := []byte(`,{"type":"flow",`)
	middle := flows / 2
	at := 0 // offset of the comma before flow number middle
	for range middle {
		at++
		at += bytes.Index(body[at:], flow)
	}
	first := append(bytes.Clone(body[:at]), ']')
	second := append([]byte("["), body[at+1:]...)
	return [2]Part{{first, middle}, {second, flows - middle}}
}
