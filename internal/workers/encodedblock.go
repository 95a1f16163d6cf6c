package workers

import "tstat-transport/internal/fastparse"

// encodedBlock is what became of a block: the flows to send, and an account of
// every line. It belongs to the worker that fills it, then to the log's batch.
// A run has a fixed number of them, so that a slow batch bounds the memory.
type encodedBlock struct {
	extent
	flows   []byte // JSON of the flows, a comma in front of each
	rows    []sentRow
	rejects rejects
	books   books
	// headerAtEnd is the offset of the header line in force behind the block.
	headerAtEnd int64
	// tail is what became of a last line without newline, and tailAt is where that
	// line starts in the log.
	tail   tailOutcome
	tailAt int64
}

// sentRow is a row that became flows: where it ends, and what had been counted
// by then, this row included.
type sentRow struct {
	flows      uint8  // number of flows
	flowsEnd   uint32 // end of the row's flows in encodedBlock.flows
	end        int64  // offset in the log behind the row and its newline
	headerLine int64  // offset of the header line in force
	books      books
}

// tailOutcome is what became of a last line without newline.
type tailOutcome uint8

const (
	noTail         tailOutcome = iota // there is no such line
	tailIncomplete                    // it is no row yet
	tailTaken                         // it was taken as a row
	tailNoRow                         // it is a header line or empty
)

// reset empties the block and keeps its memory.
func (e *encodedBlock) reset() {
	*e = encodedBlock{flows: e.flows[:0], rows: e.rows[:0], rejects: e.rejects.emptied()}
}

// lastRow returns the last row that became flows, nil if there is none.
func (e *encodedBlock) lastRow() *sentRow {
	if len(e.rows) == 0 {
		return nil
	}
	return &e.rows[len(e.rows)-1]
}

// unterminated reports whether row is the block's last line and has no newline
// in the log: its end then counts a newline that is not there.
func (e *encodedBlock) unterminated(row *sentRow) bool { return row.end > e.after }

// rejects are the malformed lines of a block.
type rejects struct {
	list []reject
	text []byte // of all of them, one after the other
}

// reject is a malformed line of a block.
type reject struct {
	line    int64 // number in the block, from 1
	textEnd int   // end of its text in rejects.text
	reason  fastparse.Reason
}

func (r *rejects) add(line int64, text []byte, reason fastparse.Reason) {
	r.text = append(r.text, text...)
	r.list = append(r.list, reject{line: line, textEnd: len(r.text), reason: reason})
}

func (r *rejects) emptied() rejects { return rejects{list: r.list[:0], text: r.text[:0]} }
