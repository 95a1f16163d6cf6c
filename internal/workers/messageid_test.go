package workers

import (
	"strings"
	"testing"
)

func TestMessageID(t *testing.T) {
	const body = "123456789" // the standard test text of CRC-32
	if got, want := idPrefix("s/0/d/log_tcp_complete").id(7, 100, []byte(body)), "s/0/d/log_tcp_complete@7-100~cbf43926"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := halfID("s@0-1~0", 2), "s@0-1~0.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for what, prefix := range map[string]string{"too long": strings.Repeat("x", maxID), "not UTF-8": "\xff"} {
		one, other := idPrefix(prefix).id(0, 1, []byte("a")), idPrefix(prefix).id(0, 1, []byte("b"))
		if len(one) != 64 || len(other) != 64 || one == other {
			t.Errorf("%s: %s and %s, want two hashes", what, one, other)
		}
	}
}
