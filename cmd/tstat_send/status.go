package main

import (
	"context"
	"fmt"
	"io"

	"github.com/goccy/go-json"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/status"
)

// status prints the pending directories below the roots, and returns the exit status.
func (c *command) status(ctx context.Context, stdout, stderr io.Writer) int {
	roots := make([]status.Root, len(c.Directory))
	for i, r := range c.Directory {
		roots[i] = status.Root{Path: r.Path, Instance: c.instanceOf(r)}
	}
	report, err := status.Collect(ctx, roots, c.Workers)
	if err != nil {
		fmt.Fprintf(stderr, "tstat_send: %v\n", err)
		return cli.TempFail
	}
	if c.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.WriteTable(stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "tstat_send: %v\n", err)
		return cli.IO
	}
	if report.Unreadable() {
		return cli.IO
	}
	return cli.OK
}
