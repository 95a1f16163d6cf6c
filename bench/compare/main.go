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
	"fmt"
	"os"
	"strings"

	"tstat-transport/bench/tool"
)

const usage = `usage: compare [flags]

Builds tstat_send, makes logs below a temporary directory, runs every job
several times in turn and prints tables of medians. Needs a quiet machine to
mean much: only ratios within a table hold, and CPU time better than wall time.

`

func main() { os.Exit(tool.Run("compare", run)) }

func run(ctx context.Context, args []string) (err error) {
	w := work{}
	flags := tool.Flags("compare", usage)
	flags.Int64Var(&w.megabytes, "megabytes", 300, "size of the logs, in millions of bytes")
	flags.IntVar(&w.rounds, "rounds", 7, "runs of each job")
	only := flags.String("only", "", "run these tables alone, separated by commas: "+names())
	scratch := flags.String("scratch", "", "`directory` for the logs; default is the system's temporary one")
	err = tool.Parse(flags, args, func() bool { return w.megabytes >= 1 && w.rounds >= 1 })
	if err != nil {
		return err
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
