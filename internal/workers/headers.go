package workers

import (
	"bytes"
	"fmt"
	"sync"

	"tstat-transport/internal/fastparse"
)

// layouts keeps the layouts of a run. Logs with the same header line share one
// *Layout, so encoders compile their templates once for all those logs.
type layouts struct {
	mu    sync.Mutex
	known map[string]*fastparse.Layout // by protocol and header line
}

// maxLayouts bounds the memory that logs with many different headers can take.
const maxLayouts = 64

func (c *layouts) parse(protocol fastparse.Protocol, line []byte) (*fastparse.Layout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := protocol.String() + string(line)
	if l, ok := c.known[key]; ok {
		return l, nil
	}
	l, err := fastparse.ParseHeader(protocol, line)
	if err != nil {
		return nil, err
	}
	if c.known == nil || len(c.known) >= maxLayouts {
		c.known = make(map[string]*fastparse.Layout)
	}
	c.known[key] = l
	return l, nil
}

// findHeaders records the layout in force at the start of b, and the header lines
// in b. A header line without newline does not count yet. The first line of a log
// must be a header.
func (r *stretchReader) findHeaders(b *block) error {
	lines, from := b.lines(), 0
	if r.layout == nil && len(b.buf) > 0 {
		line := firstLine(b.buf)
		l, err := r.layouts.parse(r.protocol, line)
		if len(lines) == 0 && b.unterminated && (err == nil || bytes.IndexByte(line, '#') >= 0) {
			return nil // Tstat is still writing the header
		}
		if b.long > 0 { // b has only the start of the line
			err = fmt.Errorf("no header: the first line has %d bytes, at most %d are supported", b.long, blockSize)
		}
		if err != nil {
			return fmt.Errorf("read header of %s: %w", r.file.Name(), err)
		}
		r.layout, r.headerLine = l, b.base
		b.headers = append(b.headers, header{at: 0, layout: l})
		from = len(line)
	}
	b.layout, b.headerLine = r.layout, r.headerLine
	for {
		i := bytes.IndexByte(lines[from:], '#')
		if i < 0 {
			return nil
		}
		at := from + i
		from = at + 1
		if at > 0 && lines[at-1] != '\n' {
			continue
		}
		line := firstLine(lines[at:])
		if !r.layout.Same(line) {
			l, err := r.layouts.parse(r.protocol, line)
			if err != nil || !l.MayFollow() {
				continue // a line that starts with # but is not a header
			}
			r.layout = l
		}
		r.headerLine = b.base + int64(at)
		b.headers = append(b.headers, header{at: at, layout: r.layout})
		from = at + len(line)
	}
}
