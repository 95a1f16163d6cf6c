package workers

import (
	"bytes"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
)

// parser turns blocks into flows. One serves one worker.
type parser struct {
	kind      fastparse.Protocol
	scanner   fastparse.Scanner
	encoder   *message.Encoder
	threshold uint64 // bytes
	keep      int    // so many malformed lines of a block are kept, the others counted
}

// parse fills in what becomes of the chunk's block.
func (p *parser) parse(c *chunk) {
	c.final = c.header
	if len(c.buf) == 0 {
		return
	}
	if c.long > 0 {
		p.bad(c, 0, len(c.buf)-1, fastparse.Reason{Why: "longer than any row"}, 1)
		c.books.lines = c.books.malformed
		return
	}
	if c.layout == nil { // a header that is still being written
		c.tailRow = incomplete
		if _, err := fastparse.ParseHeader(p.kind, firstLine(c.buf)); err == nil {
			c.tailRow = harmless
		}
		return
	}
	s := &p.scanner
	s.Reset(c.buf, c.layout, p.threshold)
	headers := c.headers
	if len(headers) > 0 && headers[0].at == 0 { // a log's first line need not start with #
		s.SkipLine()
		s.SetLayout(headers[0].layout)
		c.final = c.base
		headers = headers[1:]
	}
	for {
		switch s.Next() {
		case fastparse.End:
			p.finish(c)
			return
		case fastparse.HeaderLine:
			if len(headers) > 0 && headers[0].at == s.Start {
				s.SetLayout(headers[0].layout)
				c.final = c.base + int64(s.Start)
				headers = headers[1:]
			} else if p.isTail(c) && p.isHeader(s.Line()) {
				c.tailRow = harmless
			} else {
				p.bad(c, s.Start, s.End, fastparse.Reason{Why: "starts with # and is no header"}, s.Lines)
			}
		case fastparse.Row:
			p.row(c)
		}
	}
}

// isTail tells whether the scanner is at a last line without newline.
func (p *parser) isTail(c *chunk) bool { return c.tail && p.scanner.End == len(c.buf)-1 }

// isHeader tells whether a line in mid-file is a header.
func (p *parser) isHeader(line []byte) bool {
	l, err := fastparse.ParseHeader(p.kind, line)
	return err == nil && (p.scanner.Layout().Same(line) || l.MayFollow())
}

// row encodes the flows of the scanner's row.
func (p *parser) row(c *chunk) {
	s := &p.scanner
	flows, n, reason := p.encoder.Row(c.flows, s)
	c.flows = flows
	if n == 0 {
		p.bad(c, s.Start, s.End, reason, s.Lines)
		return
	}
	c.books.sent++
	c.books.flows += int64(n)
	c.books.notFinite += int64(p.encoder.NotFinite())
	b := c.books
	b.lines, b.below = int64(s.Lines), int64(s.Below)
	c.rows = append(c.rows, sentRow{
		flows: uint32(len(flows)), end: uint32(s.End + 1), n: uint8(n), header: c.final, books: b,
	})
}

// bad notes a malformed line; a last one without newline may become a row yet.
func (p *parser) bad(c *chunk, start, end int, reason fastparse.Reason, line int) {
	if c.tail && end == len(c.buf)-1 {
		c.tailRow = incomplete
		return
	}
	c.books.malformed++
	if len(c.rejects) < p.keep {
		c.rejects = append(c.rejects, reject{line: int64(line), start: start, end: end, reason: reason})
	}
}

// finish completes the books; of a last line without newline, only if it was
// taken.
func (p *parser) finish(c *chunk) {
	s := &p.scanner
	c.books.lines, c.books.below = int64(s.Lines), int64(s.Below)
	if !c.tail {
		return
	}
	c.tailAt = bytes.LastIndexByte(c.buf[:len(c.buf)-1], '\n') + 1
	if c.tailRow == noTail {
		c.tailRow = taken
	} else {
		c.books.lines--
	}
}
