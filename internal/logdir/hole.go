package logdir

// MaxHoles bounds the size of a state file. Reading of a log ends before a further hole,
// and the directory is not marked until some holes are filled.
const MaxHoles = 512

// Hole is a range of a log that contains zero bytes instead of data, for example because
// a copy is not complete. It begins and ends at the start of a line.
type Hole struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Header int64 `json:"header"` // offset of the header line in force there
	// Sent is the row at From if it was sent while its line had no newline yet; the zero
	// Tail if there was no such row.
	Sent Tail `json:"taken,omitzero"`
}

// validHoles reports whether holes are in order, do not overlap and lie before position.
func validHoles(holes []Hole, position int64) bool {
	from := int64(0)
	for _, h := range holes {
		if h.From < from || h.To <= h.From || h.To > position || h.Header < 0 || h.Header > h.From || !h.Sent.valid(h.To-h.From) {
			return false
		}
		from = h.To
	}
	return len(holes) <= MaxHoles
}

func holeBytes(holes []Hole) (n int64) {
	for _, h := range holes {
		n += h.To - h.From
	}
	return n
}
