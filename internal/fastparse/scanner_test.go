package fastparse

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// line is a line that Next found, or must find.
type line struct {
	event       Event
	text        string
	start       int
	lines, sent int // Lines, and Lines-Below, when Next returned
	fields      []string
}

// layoutOf returns a layout with the byte counts in these columns.
func layoutOf(client, server int) *Layout {
	return &Layout{Protocol: UDP, byteColumns: [2]int{client, server}}
}

// scan walks a block and splits each row into at most n fields. Each line that starts with
// # switches to the other layout.
func scan(t testing.TB, s *Scanner, log []byte, layouts [2]*Layout, threshold uint64, n int) []line {
	t.Helper()
	block := slices.Grow(bytes.Clone(log), Padding)
	s.Reset(block, layouts[0], threshold)
	var lines []line
	var fields Fields
	hashes := 0
	for event := s.Next(); event != End; event = s.Next() {
		l := line{event: event, text: string(s.Line()), start: s.Start, lines: s.Lines}
		switch event {
		case HeaderLine:
			hashes++
			s.SetLayout(layouts[hashes%2])
			if s.Layout() != layouts[hashes%2] {
				t.Fatal("SetLayout did not set the layout")
			}
		case Row:
			s.Split(&fields, n)
			for i := range fields.N {
				l.fields = append(l.fields, string(fields.Text(block, i)))
			}
		}
		l.sent = l.lines - s.Below
		lines = append(lines, l)
	}
	return append(lines, line{lines: s.Lines, sent: s.Lines - s.Below})
}

// scanReference returns what scan must find.
func scanReference(log []byte, layouts [2]*Layout, threshold uint64, n int) []line {
	var lines []line
	hashes, below, start, number := 0, 0, 0, 0
	for text := range strings.Lines(string(log)) {
		number++
		l := line{text: strings.TrimSuffix(text, "\n"), start: start, lines: number}
		start += len(text)
		fields := strings.Split(strings.TrimSuffix(l.text, "\r"), " ")
		switch layout := layouts[hashes%2]; {
		case l.text == "" || l.text == "\r":
			continue
		case l.text[0] == '#':
			l.event = HeaderLine
			hashes++
		default:
			if isBelowReference(fields, layout, threshold) {
				below++
				continue
			}
			l.event = Row
			l.fields = fields[:min(n, len(fields))]
		}
		l.sent = number - below
		lines = append(lines, l)
	}
	return append(lines, line{lines: number, sent: number - below})
}

func isBelowReference(fields []string, layout *Layout, threshold uint64) bool {
	for _, column := range layout.byteColumns {
		if column >= len(fields) {
			return false
		}
		n, err := strconv.ParseUint(fields[column], 10, 64)
		if err != nil || n >= 1<<61 || n >= threshold {
			return false
		}
	}
	return true
}

// checkScan compares scan with its reference.
func checkScan(t *testing.T, s *Scanner, log []byte, layouts [2]*Layout, threshold uint64, n int) {
	t.Helper()
	got, want := scan(t, s, log, layouts, threshold, n), scanReference(log, layouts, threshold, n)
	for i := range min(len(got), len(want)) {
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) || !slices.Equal(got[i].fields, want[i].fields) {
			t.Fatalf("byte counts in columns %v and %v, threshold %d, of %.300q:\n got %+v\nwant %+v",
				layouts[0].byteColumns, layouts[1].byteColumns, threshold, log, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d, of %.300q", len(got), len(want), log)
	}
}

// Lines of every length up to 200 start at different places of a word, with the byte counts
// in different columns.
func TestLinesOfEveryLength(t *testing.T) {
	var s Scanner
	for length := range 201 {
		var log strings.Builder
		for _, pattern := range []string{"1 22 333 ", "1", "12345678901234567 ", " ", "  1", "x ", "1 ", "22 1\r"} {
			log.WriteString(strings.Repeat(pattern, length+1)[:length] + "\n")
		}
		for _, columns := range [][2]int{{0, 1}, {1, 0}, {2, 1}, {0, 4}, {5, 3}, {7, 40}, {40, 39}} {
			for _, threshold := range []uint64{0, 22, 334} {
				layout := layoutOf(columns[0], columns[1])
				checkScan(t, &s, []byte(log.String()), [2]*Layout{layout, layout}, threshold, 1+length%45)
			}
		}
	}
}

// Rows have up to MaxColumns fields of all widths. The byte counts are in any columns, far
// apart or side by side. Many rows are below the threshold.
func TestWideRows(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	var s Scanner
	for range 3000 {
		columns := 2 + random.IntN(1<<(1+random.IntN(10))-1)
		width := 1 + random.IntN(24)
		a, b := random.IntN(columns), random.IntN(columns)
		if random.IntN(3) == 0 {
			b = min(a+1+random.IntN(3), MaxColumns-1)
		}
		if a == b {
			b = (a + 1) % columns
		}
		var log strings.Builder
		for range 1 + random.IntN(6) {
			end := []string{"\n", "\r\n"}[random.IntN(2)]
			fields := columns
			if random.IntN(3) == 0 {
				fields -= random.IntN(columns)
			}
			for i := range fields {
				if i > 0 {
					log.WriteByte(' ')
				}
				if random.IntN(40) > 0 {
					log.WriteString("4093857612340958721304958761230498"[random.IntN(9):][:1+random.IntN(width)])
				} else {
					log.WriteString([]string{"", "x", "0", "#", "12a"}[random.IntN(5)])
				}
			}
			log.WriteString(end)
		}
		layouts := [2]*Layout{layoutOf(a, b), layoutOf(b, a)}
		checkScan(t, &s, []byte(log.String()), layouts, uint64(math.Pow10(random.IntN(18))), 1+random.IntN(MaxColumns))
	}
}

// Next skips empty lines and rows below the threshold. It returns all other lines, also
// malformed ones.
func TestLines(t *testing.T) {
	const maxBytes, belowMaxBytes = "2305843009213693952", "2305843009213693951"
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{"\n", ""},
		{"\n\n\n", ""},
		{"1 2\n", "row"},
		{"1 2\n\n3 4\n", "row row"},
		{"0 0\n\n0 0\n1 0\n", "row"},
		{"1 2 \n", "row"},
		{"1 2 and more\n", "row"},
		{"0 0\n", ""}, // below
		{"0 1\n", "row"},
		{"1 0\n", "row"},
		{"007 0\n", "row"},
		{"1\n", "row"},
		{"1 \n", "row"},
		{" 1\n", "row"},
		{" \n", "row"},
		{"  \n", "row"},
		{strings.Repeat(" ", 64) + "0 0 0\n", "row"},
		{"1  2\n", "row"},
		{"x y\n", "row"},
		{"1 y\n", "row"},
		{"-1 2\n", "row"},
		{"1 2\r\n", "row"},
		{"0 0\r\n", ""}, // below
		{"0 0\r\r\n", "row"},
		{"0\r 0\r\n", "row"},
		{"\r\n", ""},
		{"\r\r\n", "row"},
		{maxBytes + " 2\n", "row"},
		{belowMaxBytes + " 2\n", "row"},
		{"0 18446744073709551616\n", "row"},
		{"#\n# 1\n1 2\n", "# # row"},
		{"\x00 \xff\n", "row"},
	} {
		var s Scanner
		layout := layoutOf(0, 1)
		var got []string
		for _, l := range scan(t, &s, []byte(c.log), [2]*Layout{layout, layout}, 1, 1) {
			switch l.event {
			case Row:
				got = append(got, "row")
			case HeaderLine:
				got = append(got, "#")
			case End:
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.log, got, c.want)
		}
	}
}

// SkipLine skips a line whatever the line contains.
func TestSkipLine(t *testing.T) {
	var s Scanner
	s.Reset(slices.Grow([]byte("0 0\n#x\n5 6\n"), Padding), layoutOf(0, 1), 1)
	s.SkipLine()
	if event := s.Next(); event != HeaderLine || string(s.Line()) != "#x" || s.Lines != 2 || s.Below != 0 {
		t.Errorf("event %d, line %q, %d lines, %d below", event, s.Line(), s.Lines, s.Below)
	}
	s.SkipLine()
	if event := s.Next(); event != End || s.Lines != 3 {
		t.Errorf("event %d after %d lines, want the end after 3", event, s.Lines)
	}
}

// The work for a line is proportional to its length. If Next or Split read on to the end of
// the block, or started again, these blocks would take 10^11 steps, which is minutes.
func TestManyLinesAndLongLines(t *testing.T) {
	const size = 4 << 20
	var s Scanner
	for _, pattern := range []string{"\n", "#\n", "1\n", "1 2\n", " \n"} {
		checkCounts(t, &s, pattern, strings.Repeat(pattern, size/len(pattern)), size/len(pattern))
	}
	for _, pattern := range []string{"1", " ", "#", "1 ", "9 "} {
		checkCounts(t, &s, pattern, strings.Repeat(pattern, size/len(pattern))+"\n", 1)
	}
}

func checkCounts(t *testing.T, s *Scanner, name, log string, lines int) {
	t.Helper()
	block := slices.Grow([]byte(log), Padding)
	var fields Fields
	for _, threshold := range []uint64{0, 1} {
		s.Reset(block, layoutOf(1, 40), threshold)
		for event := s.Next(); event != End; event = s.Next() {
			s.Split(&fields, MaxColumns)
		}
		if s.Lines != lines {
			t.Errorf("%q, threshold %d: %d lines, want %d", name, threshold, s.Lines, lines)
		}
	}
}

// One Scanner finds the lines of all logs of the corpus, one log after the other.
func TestCorpusLines(t *testing.T) {
	var s Scanner
	for path, log := range corpus(t) {
		protocol := TCP
		if strings.Contains(path, "udp") {
			protocol = UDP
		}
		header, _, _ := bytes.Cut(log, []byte("\n"))
		layout, err := ParseHeader(protocol, header)
		if err != nil {
			continue // a log of Tstat 2.2, or an empty log
		}
		log = log[:bytes.LastIndexByte(log, '\n')+1]
		for _, threshold := range []uint64{0, 1000, 1e9} {
			checkScan(t, &s, log, [2]*Layout{layout, layout}, threshold, 60)
		}
	}
}

func TestNoAllocationPerRow(t *testing.T) {
	log := corpus(t)["../../testdata/corpus/rotation/2026_11_22_22_30.out/log_tcp_complete"]
	header, rows, _ := bytes.Cut(log, []byte("\n"))
	layout := mustParse(t, TCP, string(header))
	block := slices.Grow(bytes.Clone(rows), Padding)
	var s Scanner
	var fields Fields
	found := 0
	if n := testing.AllocsPerRun(10, func() {
		found = 0
		s.Reset(block, layout, 0)
		for s.Next() == Row {
			s.Split(&fields, 60)
			found++
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if found < 100 {
		t.Errorf("%d rows, want at least 100", found)
	}
}

// Next and Split find the lines and fields that package strings finds.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("1 2 3\n\n#x\n4 5 6\n7 8"), uint8(0), uint8(2), uint64(3), uint16(5))
	f.Add([]byte("\n 1  2\n# 1 2\n2305843009213693951 2305843009213693952\n"), uint8(1), uint8(0), uint64(0), uint16(1))
	for path, log := range corpus(f) {
		if strings.Contains(path, "level11") || strings.Contains(path, "hostile") {
			f.Add(log[:min(len(log), 2000)], uint8(8), uint8(22), uint64(500), uint16(30))
		}
	}
	f.Fuzz(func(t *testing.T, log []byte, client, server uint8, threshold uint64, n uint16) {
		if len(log) > 0 && log[len(log)-1] != '\n' {
			log = append(bytes.Clone(log), '\n')
		}
		a, b := int(client), int(server)
		if a == b {
			a = b + 1
		}
		var s Scanner
		checkScan(t, &s, log, [2]*Layout{layoutOf(a, b), layoutOf(b, a)}, threshold, 1+int(n)%MaxColumns)
	})
}
