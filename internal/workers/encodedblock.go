package workers

import "tstat-transport/internal/fastparse"

// encodedBlock is the result of encoding a block: the flows to send, and a count
// of every line. The worker that fills it owns it first, then the log's batch. A
// run has a fixed number of encoded blocks, so a slow batch cannot use up the
// memory.
type encodedBlock struct {
	extent
	flows   []byte // JSON of the flows, a comma in front of each
	rows    []sentRow
	rejects rejects
	books   books
	// headerAtEnd is the offset of the header line in force at the end of the block.
	headerAtEnd int64
	// tail is the outcome of a last line without newline, and tailAt is where that
	// line starts in the log.
	tail   tailOutcome
	tailAt int64
}

// sentRow is a row that became flows.
type sentRow struct {
	flows      uint8  // number of flows
	flowsEnd   uint32 // end of the row's flows in encodedBlock.flows
	end        int64  // offset in the log after the row and its newline
	headerLine int64  // offset of the header line in force
	books      books  // of the block's lines up to this row, this row included
}

// tailOutcome is the outcome of a last line without newline.
type tailOutcome uint8

const (
	noTail         tailOutcome = iota // the block has no such line
	tailIncomplete                    // the line is not a row yet
	tailTaken                         // the line was taken as a row
	tailNoRow                         // the line is a header line or empty
)

// reset empties the block and keeps its memory.
func (e *encodedBlock) reset() {
	*e = encodedBlock{flows: e.flows[:0], rows: e.rows[:0], rejects: rejects{e.rejects.list[:0], e.rejects.text[:0]}}
}

// notFiniteInLastRow returns how many statistics of the last row are nan or inf.
func (e *encodedBlock) notFiniteInLastRow() int {
	n := e.rows[len(e.rows)-1].books.notFinite
	if len(e.rows) > 1 {
		n -= e.rows[len(e.rows)-2].books.notFinite
	}
	return int(n)
}

// unterminated reports whether row is the block's last line and has no newline in
// the log. row.end then counts a newline that the log does not have.
func (e *encodedBlock) unterminated(row *sentRow) bool { return row.end > e.after }

// rejects are the malformed lines of a block.
type rejects struct {
	list []reject
	text []byte // the texts of all lines, one after the other
}

// reject is a malformed line of a block.
type reject struct {
	line    int64 // number in the block, from 1
	textEnd int   // end of the line's text in rejects.text
	reason  fastparse.Reason
}

func (r *rejects) add(line int64, text []byte, reason fastparse.Reason) {
	r.text = append(r.text, text...)
	r.list = append(r.list, reject{line: line, textEnd: len(r.text), reason: reason})
}
