package testkit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// ReadLog returns the uncompressed content of a log. A gzip stream may be cut short.
func ReadLog(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".gz") && len(content) > 0 {
		var z *gzip.Reader
		z, err = gzip.NewReader(bytes.NewReader(content))
		content = nil
		if err == nil {
			content, err = io.ReadAll(z)
		}
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%s: %v", path, err)
	}
	return content
}

// EachRow calls f for each whole row of a log, with the fields by column. If a header repeats
// a column, the first one counts.
func EachRow(t testing.TB, log []byte, f func(fields map[string]string)) {
	t.Helper()
	var columns []string
	for line := range strings.Lines(string(log)) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			continue
		}
		if line[0] == '#' {
			columns = strings.Split(line[strings.LastIndexByte(line, '#')+1:], " ")
			continue
		}
		fields := strings.Split(line, " ")
		if len(fields) != len(columns) {
			t.Fatalf("%d fields under %d columns: %s", len(fields), len(columns), line)
		}
		row := map[string]string{}
		for i, column := range columns {
			name, _, _ := strings.Cut(column, ":")
			if _, ok := row[name]; !ok {
				row[name] = fields[i]
			}
		}
		f(row)
	}
}

// Port returns the port in a field of a row.
func Port(t testing.TB, field string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(field, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}
