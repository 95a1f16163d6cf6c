package cli

import "testing"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"/data/größe":      "/data/größe",
		"a\x1b[2J":         `"a\x1b[2J"`,
		"a\xff":            `"a\xff"`,
		"two\nlines\x07\n": "two\n      \"lines\\a\"\n",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
