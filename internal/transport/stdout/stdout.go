// Package stdout prints messages instead of delivering them.
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/goccy/go-json"

	"tstat-transport/internal/transport"
)

// Printer is a transport that prints each message as JSON: on one line, or indented.
type Printer struct {
	mu     sync.Mutex
	w      io.Writer
	pretty bool
	buf    bytes.Buffer
}

// New returns a Printer that writes to w and does not close it.
func New(w io.Writer, pretty bool) *Printer { return &Printer{w: w, pretty: pretty} }

var newline = []byte("\n")

// Send writes the message and a newline.
func (s *Printer) Send(_ context.Context, m *transport.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := m.Body
	if s.pretty {
		s.buf.Reset()
		if err := json.Indent(&s.buf, m.Body, "", "  "); err != nil {
			panic(fmt.Sprintf("BUG: message %s is not JSON: %v", m.ID, err))
		}
		body = s.buf.Bytes()
	}
	if _, err := s.w.Write(body); err != nil {
		return fmt.Errorf("print message: %w", err)
	}
	if _, err := s.w.Write(newline); err != nil {
		return fmt.Errorf("print message: %w", err)
	}
	return nil
}

// Close does nothing.
func (s *Printer) Close(context.Context) error { return nil }
