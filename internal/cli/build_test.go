package cli

import (
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	installed := &debug.BuildInfo{
		GoVersion: "go1.26.0",
		Main:      debug.Module{Version: "v1.4.0"},
		Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "def"}, {Key: "vcs.time", Value: "2026-03-04"}},
	}
	for _, c := range []struct {
		version, commit, date string
		info                  *debug.BuildInfo
		want                  string
	}{
		{"v1.2.3", "abc", "2026-01-02", installed, "v1.2.3 (commit abc, 2026-01-02, go1.26.0)"},
		{"", "", "", installed, "v1.4.0 (commit def, 2026-03-04, go1.26.0)"},
		{"", "", "", nil, "unknown (commit unknown, unknown, unknown)"},
	} {
		if got := newBuild(c.version, c.commit, c.date, c.info).String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
