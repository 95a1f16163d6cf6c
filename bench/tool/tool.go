// Package tool is how the commands that measure are called and how they end.
package tool

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// errUsage says that the flags were wrong and that this was told.
var errUsage = errors.New("usage")

// Run runs a command until it has ended or is interrupted, tells its error and
// returns the exit status.
func Run(name string, run func(ctx context.Context, args []string) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:]); {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 64
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
}

// Flags are a command's, none yet. Its help begins with usage.
func Flags(name, usage string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	return flags
}

// Parse reads a command line of flags alone; good says then whether their
// values make sense. Its error is for Run.
func Parse(flags *flag.FlagSet, args []string, good func() bool) error {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case flags.NArg() > 0 || !good():
		flags.Usage()
		return errUsage
	}
	return nil
}
