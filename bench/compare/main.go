// Command compare runs tstat_send beside wc, cat, zcat, find, mawk, gawk and
// Miller, as far as they are installed, on the same logs, and prints Markdown
// tables: medians of interleaved runs, input in the page cache, each with its
// ratio to the first of its table.
//
//	go run ./bench/compare
//	go run ./bench/compare -megabytes 1000 -rounds 9 -only default,json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

const usage = `usage: compare [flags]

Builds tstat_send, makes logs below a temporary directory, runs every job
several times in turn and prints tables of medians. Needs a quiet machine to
mean much: only ratios within a table hold, and CPU time better than wall time.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(64)
	default:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func run(ctx context.Context, args []string) (err error) {
	w := work{}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.Int64Var(&w.megabytes, "megabytes", 300, "size of the logs, in millions of bytes")
	flags.IntVar(&w.rounds, "rounds", 7, "runs of each job")
	only := flags.String("only", "", "run these tables alone, separated by commas: "+names())
	scratch := flags.String("scratch", "", "`directory` for the logs; default is the system's temporary one")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil || flags.NArg() > 0 || w.megabytes < 1 || w.rounds < 1:
		return errUsage
	}
	if w.dir, err = os.MkdirTemp(*scratch, "tstat-compare-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.dir)) }()
	if err := w.build(ctx); err != nil {
		return err
	}
	wanted := strings.Split(*only, ",")
	for _, t := range tables {
		if *only != "" && !contains(wanted, t.name) {
			continue
		}
		if err := t.print(ctx, &w); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}
