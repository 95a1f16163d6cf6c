package workers

import (
	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
)

// blockEncoder turns blocks into flows. Each worker has one.
type blockEncoder struct {
	threshold  uint64 // bytes
	maxRejects int    // how many malformed lines of a block are kept; the rest are only counted
	rows       *message.Encoder

	scanner fastparse.Scanner
	in      *block
	headers []header // header lines of in that the scanner has not reached
	out     *encodedBlock
}

// encode encodes in, a block of a log of the protocol, into out.
func (b *blockEncoder) encode(protocol fastparse.Protocol, in *block, out *encodedBlock) {
	b.in, b.out = in, out
	out.reset()
	out.extent, out.headerAtEnd = in.extent, in.headerLine
	out.tailAt = in.base
	switch {
	case len(in.buf) == 0:
		return
	case in.long > 0:
		b.malformed(0, len(in.buf)-1, fastparse.Reason{Why: "longer than any row"}, 1)
		out.books.lines = out.books.malformed // 0 if the line has no newline
		return
	case in.layout == nil: // the log's header line has no newline yet
		out.tail = tailIncomplete
		if _, err := fastparse.ParseHeader(protocol, firstLine(in.buf)); err == nil {
			out.tail = tailNoRow
		}
		return
	}
	b.scan(protocol)
	out.books.lines, out.books.below = int64(b.scanner.Lines), int64(b.scanner.Below)
	if in.unterminated {
		b.endTail()
	}
}

// scan encodes the lines of the block.
func (b *blockEncoder) scan(protocol fastparse.Protocol) {
	s := &b.scanner
	b.headers = b.in.headers
	s.Reset(b.in.buf, b.in.layout, b.threshold)
	if b.atHeader(0) { // a log's first line need not start with #
		s.SkipLine()
		b.enterHeader()
	}
	for {
		switch s.Next() {
		case fastparse.End:
			return
		case fastparse.HeaderLine:
			switch {
			case b.atHeader(s.Start):
				b.enterHeader()
			case b.atTail(s.End) && b.isHeader(protocol, s.Line()):
				b.out.tail = tailNoRow
			default:
				b.malformed(s.Start, s.End, fastparse.Reason{Why: "starts with # but is not a header"}, s.Lines)
			}
		case fastparse.Row:
			b.row()
		}
	}
}

// atHeader reports whether the next of headers is the line at an offset in the block.
func (b *blockEncoder) atHeader(at int) bool { return len(b.headers) > 0 && b.headers[0].at == at }

// enterHeader makes the layout of the next of headers the current one.
func (b *blockEncoder) enterHeader() {
	h := b.headers[0]
	b.headers = b.headers[1:]
	b.scanner.SetLayout(h.layout)
	b.out.headerAtEnd = b.in.base + int64(h.at)
}

// atTail reports whether the line that ends at end is a last line without newline.
func (b *blockEncoder) atTail(end int) bool { return b.in.unterminated && end == len(b.in.buf)-1 }

// isHeader reports whether line is a header. line must not be a log's first line.
func (b *blockEncoder) isHeader(protocol fastparse.Protocol, line []byte) bool {
	l, err := fastparse.ParseHeader(protocol, line)
	return err == nil && (b.scanner.Layout().Same(line) || l.MayFollow())
}

// row encodes the flows of the scanner's row.
func (b *blockEncoder) row() {
	s, out := &b.scanner, b.out
	flows, n, reason := b.rows.Row(out.flows, s)
	out.flows = flows
	if n == 0 {
		b.malformed(s.Start, s.End, reason, s.Lines)
		return
	}
	out.books.sent++
	out.books.flows += int64(n)
	out.books.notFinite += int64(b.rows.NotFinite())
	sofar := out.books
	sofar.lines, sofar.below = int64(s.Lines), int64(s.Below)
	out.rows = append(out.rows, sentRow{
		flowsEnd: uint32(len(flows)), end: b.in.base + int64(s.End) + 1,
		headerLine: out.headerAtEnd, flows: uint8(n), books: sofar,
	})
}

// malformed records a malformed line. A last line without newline is recorded as
// incomplete instead, since Tstat may still be writing it.
func (b *blockEncoder) malformed(start, end int, reason fastparse.Reason, line int) {
	if b.atTail(end) {
		b.out.tail = tailIncomplete
		return
	}
	b.out.books.malformed++
	if len(b.out.rejects.list) < b.maxRejects {
		b.out.rejects.add(int64(line), b.in.buf[start:end], reason)
	}
}

// endTail records the outcome of a last line without newline. Only a line that was
// taken as a row counts.
func (b *blockEncoder) endTail() {
	start := b.in.lastLine()
	b.out.tailAt = b.in.base + int64(start)
	if b.out.tail == noTail {
		b.out.tail = tailTaken
		if string(b.in.buf[start:]) == "\r\n" { // empty: the log has only its CR
			b.out.tail = tailNoRow
		}
	}
	if b.out.tail != tailTaken {
		b.out.books.lines--
	}
}
