package main

import (
	"fmt"
	"strconv"

	"tstat-transport/internal/amqp"
)

// window is the value of --window: the number of messages in flight on a channel. 0 means
// auto.
type window int

// UnmarshalText reads auto or a number.
func (w *window) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*w = 0
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("%q: give auto, or 1 or more", text)
	}
	*w = window(n)
	return nil
}

// rabbit reports whether messages go to RabbitMQ.
func (c *command) rabbit() bool { return !c.NoTransport && c.Transport == "rabbit" }

// otherWindow is the window of --window auto for the transports other than RabbitMQ.
const otherWindow = 64

// publishers returns how many messages may be in flight at a time.
func (c *command) publishers() int {
	window := int(c.Window)
	switch {
	case c.NoTransport:
		return 1
	case window == 0 && c.rabbit(): // package amqp sets the windows, up to this sum
		return max(amqp.MaxInFlight, c.Connections*c.Channels*amqp.MinWindow)
	case window == 0:
		window = otherWindow
	}
	n := c.Connections * c.Channels * window
	if c.Transport == "http" {
		n = min(n, c.maxSockets())
	}
	return n
}

// untaken returns how many messages may wait until the transport takes them: enough that a
// channel with room always finds a message, and few, since they occupy memory. Only the
// rabbit transport calls Message.Taken; untaken returns 0 for the others.
func (c *command) untaken() int {
	if !c.rabbit() {
		return 0
	}
	return 64
}
