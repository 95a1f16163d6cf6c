package report

import (
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tstat-transport/internal/test/pty"
)

// TestProgressFitsTheTerminal: on a real terminal of any width the bar is one line.
func TestProgressFitsTheTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for width, want := range map[uint16]string{
		20: "7%", 40: "2.0/27 GB", 69: "[0s:0s]", 80: "123456789 rows, 23456789 flows   7%", 120: "[0s:0s]",
		0: "123456789 rows, 23456789 flows   7%", // a terminal that does not report its width
	} {
		screen, terminal := pty.Open(t, width)
		if !IsTerminal(terminal) {
			t.Fatal("a pseudo-terminal is no terminal")
		}
		p := NewProgress(terminal)
		var c Counters
		c.Unsent.Found("a", 27_000_000_000, time.Now())
		c.Bytes.Store(2_000_000_000)
		c.Rows.Store(123_456_789)
		c.Flows.Store(23_456_789)
		p.draw(&c)
		if err := terminal.Close(); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(screen) // ends with EIO, since the terminal is closed
		if width == 0 {
			width = 80
		}
		lines := strings.FieldsFunc(strings.NewReplacer("\033[2K", "", "\033[0K", "").Replace(string(text)), func(r rune) bool { return r == '\r' })
		for _, bar := range lines {
			if columns := utf8.RuneCountInString(bar); columns >= int(width) || strings.Contains(bar, "\n") {
				t.Errorf("%d columns of a terminal with %d: %q", columns, width, bar)
			}
		}
		if bar := lines[len(lines)-1]; !strings.Contains(bar, want) {
			t.Errorf("width %d: %q does not show %q", width, bar, want)
		}
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{
		"12345":                     "12345",
		"123456":                    "12345",
		"\033[2K\r1234567":          "\033[2K\r12345",
		"1234567\r\033[0mabcdefg\r": "12345\r\033[0mabcde\r",
		"|█████|":                   "|████",
	} {
		if got := clip(text, 5); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
