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

// Send writes the message and a newline.
func (p *Printer) Send(_ context.Context, m *transport.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf.Reset()
	if !p.pretty {
		p.buf.Write(m.Body)
	} else if err := json.Indent(&p.buf, m.Body, "", "  "); err != nil {
		panic(fmt.Sprintf("BUG: message %s is not JSON: %v", m.ID, err))
	}
	p.buf.WriteByte('\n')
	if _, err := p.w.Write(p.buf.Bytes()); err != nil {
		return fmt.Errorf("print message: %w", err)
	}
	return nil
}

// Close does nothing.
func (p *Printer) Close(context.Context) error { return nil }
