package workers

import (
	"bytes"
	"errors"
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

// parse returns the layout of a header line.
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

// headerTracker finds the header lines of a log, block by block, and knows the header line
// in force after the blocks so far.
type headerTracker struct {
	protocol fastparse.Protocol
	layouts  *layouts
	layout   *fastparse.Layout // nil before the log's first header line
	offset   int64             // of the header line that layout comes from
}

// inForce reports whether the header line in force is the line at an offset.
func (h *headerTracker) inForce(offset int64) bool { return h.layout != nil && h.offset == offset }

// set makes line, which begins at an offset in the log, the header line in force.
func (h *headerTracker) set(line []byte, offset int64) error {
	layout, err := h.layouts.parse(h.protocol, line)
	if err == nil && offset > 0 && line[0] != '#' {
		err = errors.New("no header: only the first line of a log may be a header without #")
	}
	if err != nil {
		return err
	}
	h.layout, h.offset = layout, offset
	return nil
}

// find records in b the layout in force at its start, and its header lines. A header line
// without newline does not count yet. The first line of a log must be a header.
func (h *headerTracker) find(b *block) error {
	if h.layout == nil && len(b.buf) > 0 {
		if err := h.findFirst(b); err != nil || h.layout == nil {
			return err
		}
	}
	b.layout, b.headerLine = h.layout, h.offset
	lines, from := b.lines(), 0
	if len(b.headers) > 0 {
		from = len(firstLine(lines))
	}
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
		if !h.layout.Same(line) {
			l, err := h.layouts.parse(h.protocol, line)
			if err != nil || !l.MayFollow() {
				continue // a line that starts with # but is not a header
			}
			h.layout = l
		}
		h.offset = b.base + int64(at)
		b.headers = append(b.headers, header{at: at, layout: h.layout})
		from = at + len(line)
	}
}

// findFirst records the header line of a log, the first line of b. It records nothing if
// Tstat is still writing that line.
func (h *headerTracker) findFirst(b *block) error {
	line := firstLine(b.buf)
	l, err := h.layouts.parse(h.protocol, line)
	onlyLine := len(b.lines()) == 0 && b.unterminated
	if onlyLine && (err == nil || bytes.IndexByte(line, '#') >= 0) {
		return nil
	}
	if b.long > 0 { // b has only the start of the line
		err = fmt.Errorf("no header: the first line has %d bytes, at most %d are supported", b.long, blockSize-1)
	}
	if err != nil {
		return err
	}
	h.layout, h.offset = l, b.base
	b.headers = append(b.headers, header{at: 0, layout: l})
	return nil
}
