package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// Build identifies the build of a program.
type Build struct {
	Version, Commit, Date string
	GoVersion             string
}

// NewBuild returns the build of this program. The linker sets the arguments. An empty
// argument, as after go install, is replaced from Go's build information, or by "unknown".
func NewBuild(version, commit, date string) Build {
	info, _ := debug.ReadBuildInfo()
	return newBuild(version, commit, date, info)
}

// newBuild is NewBuild with Go's build information, which may be nil.
func newBuild(version, commit, date string, info *debug.BuildInfo) Build {
	if info == nil {
		info = new(debug.BuildInfo)
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	const unknown = "unknown"
	return Build{
		Version:   cmp.Or(version, info.Main.Version, unknown),
		Commit:    cmp.Or(commit, settings["vcs.revision"], unknown),
		Date:      cmp.Or(date, settings["vcs.time"], unknown),
		GoVersion: cmp.Or(info.GoVersion, unknown),
	}
}

// String describes the build in one line, for --version.
func (b Build) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s)", b.Version, b.Commit, b.Date, b.GoVersion)
}
