// Package cli is what the two commands share: exit statuses, the log, the
// version, signals.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
)

// The exit statuses, named as in sysexits.h.
const (
	OK       = 0
	Usage    = 64 // the command line is wrong; nothing was done
	NoInput  = 66 // a root does not exist or cannot be read
	IO       = 74 // a directory could not be read, marked or deleted
	TempFail = 75 // try again later: broker away, root locked, interrupted
	NoPerm   = 77 // refused by the other side
	Config   = 78 // somebody must change the configuration
)

// severity lists the statuses, the least severe first. What a person must put
// right stands above what a later run may: a root that is not there is a
// mistake in the command line or a disk that was not mounted, and so stands
// above a single directory.
var severity = []int{OK, TempFail, IO, NoInput, NoPerm, Config, Usage}

// Worse returns the more severe of two exit statuses. One that is not listed
// above is the most severe.
func Worse(a, b int) int {
	rank := func(status int) uint { return uint(slices.Index(severity, status)) } // -1 wraps to the top
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Version describes a build in one line. The arguments are set by the linker;
// where they are empty, as after go install, it is what Go knows of the build.
func Version(version, commit, date string) string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if version == "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && commit == "":
			commit = s.Value
		case s.Key == "vcs.time" && date == "":
			date = s.Value
		}
	}
	known := func(s string) string {
		if s == "" {
			return "unknown"
		}
		return s
	}
	return fmt.Sprintf("%s (commit %s, %s, %s)", known(version), known(commit), known(date), info.GoVersion)
}

// UntilSignal returns a context that ends at the first SIGINT, SIGTERM or
// SIGHUP. A second signal ends the process at once, with TempFail. A SIGHUP that
// is ignored when the process starts, as under nohup, stays ignored. stop gives
// the signals their former effect back.
func UntilSignal(parent context.Context) (ctx context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	stopped := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-stopped:
			return
		}
		select {
		case <-signals:
			os.Exit(TempFail) //nolint:revive // wherever the process is
		case <-stopped:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	})
}

// VersionOrUnknown is the bare version, for where it stands beside other things.
func VersionOrUnknown(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}
