package loggen

import (
	"bytes"
	"slices"
)

// A logWriter appends the lines of a log, dirt included, and counts them.
type logWriter struct {
	m         *Maker
	dirt      float64
	threshold float64 // bytes
	layout    int     // index of the header in force
	books     Books
}

// row appends the row of a number, perhaps spoilt, and perhaps an extra line before it.
func (l *logWriter) row(dst []byte, number, end uint64) []byte {
	dirty := l.dirt > 0 && fraction(l.m.rng.Uint64()) < l.dirt
	var spoilRow spoil
	if dirty {
		r := l.m.rng.Uint64()
		spoilRow = spoils[r%uint64(len(spoils))]
		if r>>16%3 == 0 {
			dst = l.extraLine(dst, r>>32)
		}
	}
	from := len(dst)
	dst, sizes := l.m.append(dst, l.layout, number, end)
	result := sound
	if spoilRow != nil {
		dst, result = spoilRow(l, dst, from, sizes)
	}
	l.books.Rows++
	if result == malformed {
		l.books.Malformed++
		return dst
	}
	if result == splitInTwo {
		l.books.Rows++
		l.books.Malformed++
	}
	if max(sizes[0], sizes[1]) >= LargeBytes {
		l.books.Large++
	}
	l.books.Flows += int64(l.flows(sizes))
	return dst
}

// flows returns the number of flows of a well-formed row whose directions have these sizes.
func (l *logWriter) flows(sizes [2]uint64) (n int) {
	for _, b := range sizes {
		if float64(b) >= l.threshold {
			n++
		}
	}
	return n
}

// extraLine appends an empty line or a header, which may have other columns.
func (l *logWriter) extraLine(dst []byte, r uint64) []byte {
	if r&1 == 0 {
		return append(dst, '\n')
	}
	l.layout = int(r >> 1 % uint64(len(l.m.layouts)))
	return append(dst, l.m.layouts[l.layout].header...)
}

// cutLast appends a row that ends before its last deciding column, without a newline.
func (l *logWriter) cutLast(dst []byte, number, end uint64) []byte {
	from := len(dst)
	dst, _ = l.m.append(dst, l.layout, number, end)
	l.books.Incomplete++
	return dst[:l.cutPoint(dst, from)]
}

// cutPoint returns a random position in the row at from, before its last deciding column.
func (l *logWriter) cutPoint(dst []byte, from int) int {
	at, _ := l.field(dst, from, "s_"+l.deciding())
	return from + 1 + int(l.m.rng.Uint64()%uint64(at-1-from))
}

// deciding returns the column, without its prefix, that is compared with the threshold.
func (l *logWriter) deciding() string {
	if l.m.proto == UDP {
		return "bytes_all"
	}
	return "bytes_uniq"
}

// field returns the position of a column's field in the row at from. at is -1 if the header
// in force lacks the column.
func (l *logWriter) field(dst []byte, from int, column string) (at, end int) {
	i := slices.Index(l.m.layouts[l.layout].columns, column)
	if i < 0 {
		return -1, -1
	}
	at = from
	for range i {
		at += bytes.IndexByte(dst[at:], ' ') + 1
	}
	return at, at + bytes.IndexAny(dst[at:], " \n")
}

// outcome is the state of a row after a spoil.
type outcome int

const (
	sound      outcome = iota // every column that flows use is well formed
	malformed                 // a column that flows use is malformed
	splitInTwo                // the row is sound, and a malformed line follows
)

// A spoil changes the row that was appended at from.
type spoil func(l *logWriter, dst []byte, from int, sizes [2]uint64) ([]byte, outcome)

var spoils = []spoil{
	badName("a b.test", sound),
	badName(`"q=\uote.test`, sound),
	badName("\xff\xfe\x80.t\xe9st", sound),
	badName("new\nline.test", splitInTwo),
	badCount, badCount, badUsed, cutRow, junk,
}

// badName puts a name into a column that holds a name from the network, if there is one.
func badName(name string, o outcome) spoil {
	return func(l *logWriter, dst []byte, from int, _ [2]uint64) ([]byte, outcome) {
		columns := l.m.layouts[l.layout].columns
		for _, column := range []string{"http_hostname", "fqdn", "c_ssl"} {
			at, end := l.field(dst, from, column)
			if at < 0 {
				continue
			}
			rest := len(columns) - slices.Index(columns, column)
			if o == splitInTwo && rest > slices.Index(columns, "c_"+l.deciding()) {
				break // the part after the newline could be a well-formed row
			}
			return slices.Replace(dst, at, end, []byte(name)...), o
		}
		return dst, sound
	}
}

// badCount makes a deciding column malformed. Every reader must look at such a column.
func badCount(l *logWriter, dst []byte, from int, _ [2]uint64) ([]byte, outcome) {
	r := l.m.rng.Uint64()
	bad := []string{"-", "12a4", "1.5", "-7", "0x1f", "4611686018427387904"}[r>>1%6]
	side := []string{"c_", "s_"}[r&1]
	at, end := l.field(dst, from, side+l.deciding())
	return slices.Replace(dst, at, end, []byte(bad)...), malformed
}

// badUsed makes a column malformed that flows in both directions use. It leaves a row without
// flows alone, since a reader need not look at the column there.
func badUsed(l *logWriter, dst []byte, from int, sizes [2]uint64) ([]byte, outcome) {
	if l.flows(sizes) == 0 {
		return dst, sound
	}
	column, bad := "c_ip", "10.77.0.x2"
	if l.m.rng.Uint64()&1 == 0 {
		column, bad = "s_port", "80a"
	}
	at, end := l.field(dst, from, column)
	return slices.Replace(dst, at, end, []byte(bad)...), malformed
}

// cutRow ends a row before its last deciding column.
func cutRow(l *logWriter, dst []byte, from int, _ [2]uint64) ([]byte, outcome) {
	return append(dst[:l.cutPoint(dst, from)], '\n'), malformed
}

// junk overwrites a row with bytes that are not ASCII.
func junk(l *logWriter, dst []byte, from int, _ [2]uint64) ([]byte, outcome) {
	for i := from; i < len(dst)-1; i++ {
		dst[i] = 0x80 | byte(l.m.rng.Uint64())
	}
	return dst, malformed
}
