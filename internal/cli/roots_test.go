package cli

import (
	"slices"
	"testing"
)

func TestParseRoots(t *testing.T) {
	const list = "[INSTANCE=]DIR, or several separated by commas"
	const apart = "roots that do not lie in each other"
	for _, c := range []struct {
		text  string
		roots []Root
		want  string
	}{
		{"/data/tstat", []Root{{"", "/data/tstat"}}, ""},
		{"eth0=/data/a/, eth1=/data/b,/data/x=y", []Root{{"eth0", "/data/a"}, {"eth1", "/data/b"}, {"", "/data/x=y"}}, ""},
		{"eth0=", nil, list},
		{"=/data/a", nil, list},
		{"/data/a,", nil, list},
		{"/data/a, /data/a/b", nil, apart},
		{"eth0=/data/a, eth1=/data/a", nil, apart},
	} {
		roots, want := ParseRoots(c.text)
		if !slices.Equal(roots, c.roots) || want != c.want {
			t.Errorf("%q: %q, want %q; %q, want %q", c.text, roots, c.roots, want, c.want)
		}
	}
}
