// Package cli has what both programs share: exit statuses, the logger, the version,
// signals, and the parsing of flag values.
package cli

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// The exit statuses, named as in sysexits.h.
const (
	OK       = 0
	Usage    = 64 // the command line is wrong; nothing was done
	NoInput  = 66 // a root does not exist or cannot be read
	IO       = 74 // a directory could not be read, marked or deleted, or another file not written
	TempFail = 75 // try again later: broker away, root locked, interrupted
	NoPerm   = 77 // refused by the other side
	Config   = 78 // somebody must change the configuration
)

// severity lists the statuses, the least severe first. A status that needs a person
// is more severe than one that a later run may clear. A missing root (a wrong flag,
// a disk that is not mounted) is more severe than a single directory.
var severity = []int{OK, TempFail, IO, NoInput, NoPerm, Config, Usage}

// Worse returns the more severe of two exit statuses. A status that is not in the list
// is the most severe.
func Worse(a, b int) int {
	rank := func(status int) uint { return uint(slices.Index(severity, status)) } // -1 wraps to the top
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// UntilSignal returns a context that ends at the first SIGINT, SIGTERM or
// SIGHUP. A second signal ends the process at once, with TempFail. A SIGHUP that
// is ignored when the process starts, as under nohup, stays ignored.
func UntilSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(TempFail) //nolint:revive // whatever the process is doing
	}()
	return ctx
}
