package workers

import (
	"bytes"
	"fmt"
	"sync"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
)

// layouts keeps the layouts of a run: all logs of a Tstat share theirs, and
// what is prepared for one serves them all.
type layouts struct {
	mu    sync.Mutex
	known map[string]*fastparse.Layout // by kind and header line
}

// maxLayouts bounds what a log full of different headers can make us keep.
const maxLayouts = 64

func (c *layouts) parse(kind fastparse.Protocol, line []byte) (*fastparse.Layout, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := kind.String() + string(line)
	if l, ok := c.known[key]; ok {
		return l, nil
	}
	l, err := fastparse.ParseHeader(kind, line)
	if err != nil {
		return nil, err
	}
	if c.known == nil || len(c.known) >= maxLayouts {
		c.known = make(map[string]*fastparse.Layout)
	}
	c.known[key] = l
	return l, nil
}

// findHeaders notes the layout in force at the block's start and the header
// lines inside the block. A header in an unterminated last line does not count
// yet. The first line of a log must be a header.
func (r *logReader) findHeaders(c *chunk) error {
	lines := c.buf
	if c.tail {
		lines = c.buf[:bytes.LastIndexByte(c.buf[:len(c.buf)-1], '\n')+1]
	}
	if c.long > 0 {
		lines = nil
	}
	from := 0
	if r.layout == nil && len(c.buf) > 0 {
		line := firstLine(c.buf)
		l, err := r.cache.parse(r.kind, line)
		if len(lines) == 0 && c.tail && (err == nil || bytes.IndexByte(line, '#') >= 0) {
			return nil // the header is still being written
		}
		if err != nil {
			return fmt.Errorf("read header of %s: %w", r.file.Name(), err)
		}
		r.layout, r.header = l, c.base
		c.headers = append(c.headers, header{at: 0, layout: l})
		from = len(line)
	}
	c.layout, c.header = r.layout, r.header
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
			l, err := r.cache.parse(r.kind, line)
			if err != nil || !l.MayFollow() {
				continue // a name that looks like a header
			}
			r.layout = l
		}
		r.header = c.base + int64(at)
		c.headers = append(c.headers, header{at: at, layout: r.layout})
		from = at + len(line)
	}
}

// settle looks at the line that the last run took though it had no newline. If
// every field that flows use was complete even then, its flows are as they
// were sent, and it is left out of the block.
func (r *logReader) settle(c *chunk) {
	line := firstLine(c.buf)
	n := int(r.taken.Bytes)
	if r.taken.Flows == 0 || len(line) < n {
		return
	}
	ended := len(line) == n || line[n] == ' ' || string(line[n:]) == "\r"
	if !ended && bytes.Count(line[:n], []byte(" ")) < message.Columns(r.layout) {
		return
	}
	c.settled = &logdir.Tail{Bytes: int64(len(line)), Flows: r.taken.Flows}
	c.kept = c.tail && len(line)+1 == len(c.buf)
	if c.kept {
		c.tail = false
		c.buf = c.buf[:0]
		return
	}
	c.base += int64(len(line)) + 1
	c.buf = append(c.buf[:0], c.buf[len(line)+1:]...)
}

// longLine passes over a line that does not fit into a block.
func (r *logReader) longLine(c *chunk) {
	const sample = 1 << 10
	scratch := c.buf[sample:blockSize]
	c.long = int64(len(c.buf))
	for {
		n, err := readFull(r.src, scratch)
		if i := bytes.IndexByte(scratch[:n], '\n'); i >= 0 {
			c.long += int64(i)
			c.after = c.base + c.long + 1
			r.carry = append(r.carry, scratch[i+1:n]...)
			c.buf = append(c.buf[:sample], '\n')
			return // an error comes again with the next read
		}
		c.long += int64(n)
		if ended(err) {
			c.after = c.base + c.long
			c.last, c.tail = true, true
			c.buf = append(c.buf[:sample], '\n')
			return
		}
		if err != nil {
			r.fail(c, fmt.Errorf("read %s: %w", r.file.Name(), err), 0)
			return
		}
	}
}
