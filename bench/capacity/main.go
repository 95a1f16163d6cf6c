// Command capacity measures tstat_send against a private RabbitMQ node over
// workers, channels, window and threshold, and writes a report with plots:
// what a run costs the sensor and the broker, and which settings to use.
//
//	go run ./bench/capacity -out docs/capacity
//	go run ./bench/capacity -out /tmp/report -rows 40e6 -instances 4
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"

	"tstat-transport/bench/tool"
)

const usage = `usage: capacity [flags]

Needs RabbitMQ installed; starts a node of its own. Takes a few minutes on a
machine that should do nothing else meanwhile.

`

func main() { os.Exit(tool.Run("capacity", run)) }

// plan is what the report is to say about one sensor.
type plan struct {
	rows      float64 // an hour, of each instance
	instances int
}

func run(ctx context.Context, args []string) (err error) {
	flags := tool.Flags("capacity", usage)
	out := flags.String("out", "capacity-report", "`directory` for report.md and the plots")
	megabytes := flags.Int64("megabytes", 32, "size of the logs that each run sends, in millions of bytes")
	rounds := flags.Int("rounds", 3, "runs of each point; the median counts")
	own := plan{instances: 1}
	flags.Float64Var(&own.rows, "rows", 0, "rows an hour of a sensor's instance, for a line of its own in the report")
	flags.IntVar(&own.instances, "instances", 1, "instances of Tstat on that sensor")
	err = tool.Parse(flags, args, func() bool { return *megabytes >= 1 && *rounds >= 1 && own.rows >= 0 && own.instances >= 1 })
	if err != nil {
		return err
	}
	// rabbittest asks package testing whether tests are to be short.
	testing.Init()
	if err := flag.CommandLine.Parse(nil); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "tstat-capacity-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	results, err := measure(ctx, dir, *megabytes, *rounds)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	if err := plots(*out, results); err != nil {
		return err
	}
	return writeReport(*out, results, own)
}
