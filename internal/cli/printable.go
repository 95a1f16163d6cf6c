package cli

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable returns text for a terminal. It quotes a line with a character that could
// control the terminal, such as a line with a malicious file name. All lines but the
// first are indented.
func Printable(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if b.Len() > 0 {
			b.WriteString("      ")
		}
		line, end := strings.CutSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) {
			line = strconv.Quote(line)
		}
		b.WriteString(line)
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
