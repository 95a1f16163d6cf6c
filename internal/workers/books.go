package workers

import "tstat-transport/internal/logdir"

// books count the lines of a block, or of a log up to some row.
type books struct {
	lines     int64 // all lines: rows, header lines and empty lines
	below     int64 // rows below the threshold
	sent      int64 // rows that became flows
	malformed int64 // rows that are malformed
	flows     int64
	notFinite int64 // statistics that are nan or inf
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

// tailBooks counts a last line without newline that was taken as a row.
func tailBooks(t logdir.Tail) books {
	if t.Flows == 0 {
		return books{lines: 1, below: 1}
	}
	return books{lines: 1, sent: 1, flows: int64(t.Flows), notFinite: int64(t.NotFinite)}
}
