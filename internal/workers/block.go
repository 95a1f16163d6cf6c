package workers

import (
	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
)

// blockSize is how many bytes of a log are parsed at a time. A line that is longer, its
// newline included, counts as malformed: Tstat's rows are below 8 KiB.
const blockSize = 256 << 10

// block holds whole lines of a log. Each worker has one block and fills it again and
// again.
type block struct {
	extent
	// buf holds whole lines, and has room for fastparse.Padding bytes after them.
	buf []byte
	// unterminated reports that the last line has no newline in the log. The
	// reader has added the newline in buf.
	unterminated bool
	// zeros reports that the block is a hole: a range of zero bytes, widened to
	// whole lines. buf is empty then.
	zeros bool
	// long is the length of a line that does not fit into a block, else 0. If long
	// is set, buf holds the start of that line.
	long int64

	layout     *fastparse.Layout // in force at the start of buf; nil before the log's header line
	headerLine int64             // offset of that layout's header line in the log
	headers    []header          // header lines in buf
}

// header is a header line in a block.
type header struct {
	at     int // offset in the block
	layout *fastparse.Layout
}

// extent is the part of a log that a block covers, and the state of the log after the
// block. Offsets are in bytes of the uncompressed log.
type extent struct {
	seq   int   // the blocks of a log are numbered from 0
	base  int64 // offset of the first line
	after int64 // offset at which the block ends
	last  bool  // the log's last block
	err   error // why the log cannot be read further; last is true then
	// detached reports that the block does not continue the block before it, so no
	// message may hold rows of both blocks.
	detached bool
	// position is the offset up to which the stretch (see stretchReader) is accounted for,
	// once all rows of the block are. around turns position into a place of the log.
	position int64
	around   surroundings

	// alreadySent is a row that is not in the block, because an earlier run sent the row
	// while it had no newline; nil if there is none. The row ends at base, unless
	// stillOpen.
	alreadySent *logdir.Tail
	// stillOpen reports that the alreadySent row still has no newline. The row then
	// starts at base.
	stillOpen bool

	zeroTail bool // the block is a hole that reaches to the end of the log
	// sentInZeros is the row at the start of the hole, if an earlier run sent that row.
	sentInZeros logdir.Tail
}

func newBlock() *block {
	return &block{buf: make([]byte, 0, blockSize+fastparse.Padding+1)}
}

// reset empties the block and keeps its memory.
func (b *block) reset() {
	*b = block{buf: b.buf[:0], headers: b.headers[:0]}
}

// lines returns the lines of buf that have a newline in the log.
func (b *block) lines() []byte {
	switch {
	case b.long > 0:
		return nil
	case b.unterminated:
		return b.buf[:b.lastLine()]
	}
	return b.buf
}

// lastLine returns the offset in buf of the last line.
func (b *block) lastLine() int { return lineStart(b.buf[:len(b.buf)-1]) }
