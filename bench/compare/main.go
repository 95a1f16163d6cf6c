// Command compare runs tstat_send and, if they are installed, wc, cat, zcat, find, mawk, gawk
// and Miller on the same logs, and prints Markdown tables. A figure is the median of interleaved
// runs with the input in the page cache. Each job has its ratio to the first job of its table.
//
//	go run ./bench/compare
//	go run ./bench/compare --megabytes 1000 --rounds 9 --only default,json
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/alecthomas/kong"
)

const description = `Build tstat_send, write logs below a temporary directory, run every job several times in turn and print tables of medians.

Run it on a quiet machine: only ratios within a table hold, and processor time holds better than wall time.`

type command struct {
	Megabytes int64    `default:"300" placeholder:"N" help:"Size of the logs of the tables default and json, in millions of bytes; those of gzip have a third of it. Default: ${default}."`
	Rounds    int      `default:"7" placeholder:"N" help:"Runs of each job. Default: ${default}."`
	Only      []string `enum:"${tables}" placeholder:"TABLE" help:"Print only these tables: ${tables}."`
}

func main() {
	var c command
	k := kong.Parse(&c, kong.Name("compare"), kong.Description(description), kong.Vars{"tables": names()})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	k.FatalIfErrorf(c.run(ctx))
}

// Validate reports an error for sizes that measure nothing.
func (c *command) Validate() error {
	if c.Megabytes < 1 || c.Rounds < 1 {
		return errors.New("--megabytes and --rounds must be at least 1")
	}
	return nil
}

func (c *command) run(ctx context.Context) (err error) {
	w := work{megabytes: c.Megabytes, rounds: c.Rounds}
	if w.dir, err = os.MkdirTemp("", "tstat-compare-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.dir)) }()
	if err := w.build(ctx); err != nil {
		return err
	}
	for _, t := range tables {
		if len(c.Only) > 0 && !slices.Contains(c.Only, t.name) {
			continue
		}
		if err := t.print(ctx, &w); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}
