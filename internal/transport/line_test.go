package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"tstat-transport/internal/transport"
)

// Line sends each message over TCP as a line with its id and its body. The collector
// answers with the line "ok" when the message is on its disk.
type Line struct {
	address string
	timeout time.Duration // of one try
	turn    chan struct{} // holds a token while a Send uses the fields below
	conn    net.Conn      // nil before the first Send, and after a failure
	answers *bufio.Reader
}

// NewLine returns a Line, which connects at the first Send.
func NewLine(address string, timeout time.Duration) *Line {
	return &Line{address: address, timeout: timeout, turn: make(chan struct{}, 1)}
}

// Send tries three times, each time on a new connection if the last one failed.
func (l *Line) Send(ctx context.Context, m *transport.Message) error {
	select { // a mutex would not end its wait with ctx
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return fmt.Errorf("line %s: message %s: %w", l.address, m.ID, context.Cause(ctx))
	}
	var answer string
	var err error
	for try := 0; try < 3 && ctx.Err() == nil; try++ {
		if answer, err = l.exchange(ctx, m); err == nil {
			break
		}
	}
	switch {
	case ctx.Err() != nil && answer != "ok":
		err = context.Cause(ctx)
	case err == nil && answer == "denied":
		err = &transport.Error{Verdict: transport.Refused, Err: fmt.Errorf("denied: have the collector let this host in")}
	case err == nil && answer != "ok":
		err = &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf("answer %q: is this the collector's port?", answer)}
	}
	if err != nil { // an error that is not a transport.Error has the verdict Retry
		return fmt.Errorf("line %s: message %s: %w", l.address, m.ID, err)
	}
	return nil
}

// exchange writes the message and reads the answer, within the timeout.
func (l *Line) exchange(ctx context.Context, m *transport.Message) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if l.conn == nil {
		if l.conn, err = new(net.Dialer).DialContext(ctx, "tcp", l.address); err != nil {
			l.conn = nil
			return "", err
		}
		l.answers = bufio.NewReader(l.conn)
	}
	// Closing the connection ends reading and writing. The next try connects again:
	// on the old connection the answer to this try could still arrive.
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "%q %s\n", m.ID, m.Body)
	if err == nil {
		answer, err = l.answers.ReadString('\n')
	}
	if !stop() || err != nil {
		_ = conn.Close()
		l.conn = nil
	}
	return strings.TrimSuffix(answer, "\n"), err
}

// Close closes the connection. It is called when the last Send has returned.
func (l *Line) Close(context.Context) error {
	if l.conn == nil {
		return nil
	}
	return l.conn.Close()
}
