package workers

import (
	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
)

const (
	// blockSize is how much of a log is parsed at a time, and the longest line
	// that is one: Tstat's are below 8 KiB.
	blockSize = 256 << 10
	// maxFlows is the largest number of flows in a message.
	maxFlows = 100
)

// chunk is a block of a log and what became of it. It belongs to one worker,
// or to a log's assembly, at a time; its memory is used again.
type chunk struct {
	// The block, filled by logReader.next.
	buf   []byte // whole lines, with fastparse.Padding behind them
	base  int64  // offset of buf[0] in the log
	seq   int    // the log's blocks are numbered from 0
	last  bool   // the log's last one
	tail  bool   // buf's last line has no newline in the log
	err   error  // why the log could not be read further
	after int64  // offset in the log behind what was read
	// long is the length of a line that is too long; buf holds its start.
	long int64
	// settled: the line before base, or buf's place if kept, needs no sending:
	// an earlier run took it when it had no newline yet.
	settled *logdir.Tail
	kept    bool // and it has none still

	// What [stretches] adds.
	apart    bool          // it does not follow the block before it
	zeros    bool          // it is a run of zero bytes, widened to lines; buf is empty
	zeroTail bool          // it is the last one because of zero bytes
	taken    logdir.Tail   // of zeros: the row that was taken at its start, if one was
	holes    []logdir.Hole // left in front of it
	end      place         // where the log stands behind it
	// hole is what it was read out of, if it was, rest the ones to be read after
	// that one, resume where the last stretch begins.
	hole   *logdir.Hole
	rest   []logdir.Hole
	resume *logdir.LogState

	layout  *fastparse.Layout // in force at its start; nil where there is none yet
	header  int64             // offset of that layout's header line
	headers []header          // header lines inside

	// What became of it, filled by worker.parse.
	flows   []byte // JSON of the flows, a comma before each
	rows    []sentRow
	rejects []reject
	books   books
	tailRow tailRow
	tailAt  int   // where that line starts in buf
	final   int64 // offset of the last header line up to its end
}

// header is a header line inside a block.
type header struct {
	at     int // offset in the block
	layout *fastparse.Layout
}

// sentRow is a row that became flows: where its parts end in the chunk and
// what had been counted by then, itself included.
type sentRow struct {
	flows  uint32 // end in chunk.flows
	end    uint32 // behind its line, in the block
	header int64  // offset of the header line in force
	n      uint8  // number of flows
	books  books
}

// books count the lines of a block, or of a log up to some row.
type books struct {
	lines, below, sent, malformed, flows int64
	notFinite                            int64 // statistics that are nan or inf; not kept in state files
}

func (b *books) add(c books) {
	b.lines += c.lines
	b.below += c.below
	b.sent += c.sent
	b.malformed += c.malformed
	b.flows += c.flows
	b.notFinite += c.notFinite
}

func (b *books) sub(c books) {
	b.lines -= c.lines
	b.below -= c.below
	b.sent -= c.sent
	b.malformed -= c.malformed
	b.flows -= c.flows
	b.notFinite -= c.notFinite
}

func (b *books) rows() int64 { return b.below + b.sent + b.malformed }

// reject is a malformed line of a block.
type reject struct {
	line       int64 // number in the block, from 1
	start, end int
	reason     fastparse.Reason
}

// tailRow is what became of an unterminated last line.
type tailRow uint8

const (
	noTail     tailRow = iota
	incomplete         // no row (yet)
	taken              // taken as a row
	harmless           // a header line or an empty one: neither
)

func newChunk() *chunk {
	return &chunk{buf: make([]byte, 0, blockSize+fastparse.Padding+1)}
}

// reset makes the chunk ready for another block.
func (c *chunk) reset() {
	*c = chunk{
		buf: c.buf[:0], headers: c.headers[:0],
		flows: c.flows[:0], rows: c.rows[:0], rejects: c.rejects[:0],
	}
}
