package loggen_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

// The books are the counts of the slow reader, in every layout, with and without dirt.
func TestBooks(t *testing.T) {
	for _, c := range corpusLogs {
		for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
			for _, threshold := range []float64{0.001, 0, 1000}[:testkit.UnderRace(1, 3)] {
				for _, dirt := range []float64{0, 0.3} {
					o := loggen.Options{Seed: 11, Version: c.version, Level: c.level, Large: 0.1, Dirt: dirt, Cut: dirt > 0, Threshold: threshold}
					log, books := logOf(t, o, p, loggen.Rows(400))
					got := read(t, log, p, threshold)
					if got != books {
						t.Errorf("%s %s threshold %v dirt %v:\nread %+v\nbooks %+v", c.version, p, threshold, dirt, got, books)
					}
					if dirt == 0.3 && (books.Malformed < 20 || books.Malformed > 200 || books.Incomplete != 1) {
						t.Errorf("%s %s: books %+v for 400 rows, 0.3 of them dirt", c.version, p, books)
					}
					if dirt == 0 && (books.Rows != 400 || books.Malformed+books.Incomplete != 0 || books.Large < 10 || books.Large > 90) {
						t.Errorf("%s %s: books %+v for 400 clean rows, 0.1 of them large", c.version, p, books)
					}
				}
			}
		}
	}
}

// Each sort of dirt occurs.
func TestDirt(t *testing.T) {
	log, _ := logOf(t, loggen.Options{Dirt: 0.5}, loggen.TCP, loggen.Rows(2000))
	// Each byte becomes a rune, since a regexp matches runes.
	var latin1 strings.Builder
	for _, b := range log {
		latin1.WriteRune(rune(b))
	}
	for what, form := range map[string]string{
		"a name with a space":    ` a b\.test `,
		"a name with a quote":    ` "q=`,
		"a name with a newline":  `(?m) new$`,
		"a name not in UTF-8":    `\xff\xfe\x80`,
		"a repeated header":      `(?m)\n#15#c_ip`,
		"another header":         `(?m)\n#11#c_ip`,
		"an empty line":          `(?m)\n\n`,
		"a bad count":            ` 12a4 `,
		"a count that is large":  ` 4611686018427387904 `,
		"a bad address":          `(?m)^10\.77\.0\.x2 `,
		"a bad port":             ` 80a `,
		"a row cut short":        `(?m)^\d\S*( \S+){0,19}$`,
		"bytes that are no text": `(?m)^[\x80-\xff]+$`,
	} {
		if !regexp.MustCompile(form).MatchString(latin1.String()) {
			t.Errorf("%s is missing", what)
		}
	}
}

// read returns the books as the slow reader counts them. The threshold must be at most 1000,
// since only rows with flows are counted as large.
func read(t *testing.T, log []byte, p loggen.Proto, threshold float64) (b loggen.Books) {
	t.Helper()
	result, err := reference.Read(log, reference.Protocol(p.String()), reference.Settings{Threshold: strconv.FormatFloat(threshold, 'f', -1, 64)})
	if err != nil {
		t.Fatal(err)
	}
	b = loggen.Books{
		Bytes:      int64(len(log)),
		Rows:       int64(result.Books.Rows),
		Malformed:  int64(result.Books.Malformed),
		Incomplete: int64(result.Books.Incomplete),
	}
	for _, row := range result.Rows {
		b.Flows += int64(len(row.Flows))
		if slices.ContainsFunc(row.Flows, func(f message.Flow) bool {
			return num(t, string(f.Values.NumBits)) >= 8*loggen.LargeBytes
		}) {
			b.Large++
		}
	}
	return b
}
