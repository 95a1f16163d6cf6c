package workers

import "testing"

// A single zero byte is not a run: it is part of a name.
func TestZeroRun(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := zeroRun([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	f("", -1)
	f("a\x00b", -1)
	f("a\x00", -1)
	f("\x00\x00", 0)
	f("a\x00b\x00\x00\x00", 3)
}
