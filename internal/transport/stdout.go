package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/goccy/go-json"
)

// Stdout prints messages instead of delivering them: each as one line of JSON,
// or indented.
type Stdout struct {
	mu     sync.Mutex
	w      io.Writer
	pretty bool
	buf    bytes.Buffer
}

// NewStdout prints to w, which stays the caller's.
func NewStdout(w io.Writer, pretty bool) *Stdout { return &Stdout{w: w, pretty: pretty} }

var newline = []byte("\n")

// Send writes the message. Nothing is flushed to a disk.
func (s *Stdout) Send(_ context.Context, m *Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := m.Body
	if s.pretty {
		s.buf.Reset()
		if err := json.Indent(&s.buf, m.Body, "", "  "); err != nil {
			panic(fmt.Sprintf("BUG: message %s is no JSON: %v", m.ID, err))
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
func (s *Stdout) Close(context.Context) error { return nil }
