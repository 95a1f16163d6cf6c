// Command capacity measures tstat_send with a private RabbitMQ node, over workers, channels,
// window and threshold. It writes a report with plots: the cost of a run for the sensor and the
// broker, and the settings to use.
//
//	go -C bench/capacity run . --out /tmp/report --rows 40e6 --instances 4
//
// It is a module of its own, so that the product does not depend on the libraries that draw the
// plots.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

const description = `Measure tstat_send against a RabbitMQ node of its own and write a report with plots.

Needs RabbitMQ installed, and a machine that does nothing else meanwhile. Takes about ten minutes, and
ends within the limit unless the first round takes longer.`

type command struct {
	Out       string        `default:"capacity-report" placeholder:"DIR" help:"Directory for report.md and the plots. Default: ${default}."`
	Megabytes int64         `default:"100" placeholder:"N" help:"Size of the logs that each run at threshold 0 sends, in millions of bytes. Runs at the default threshold read 160 times as much. Default: ${default}."`
	Rounds    int           `default:"5" placeholder:"N" help:"Runs of each point, at most; the report shows the median and the spread. Default: ${default}."`
	Limit     time.Duration `default:"15m" placeholder:"TIME" help:"Begin no round that would end later than this after the start. Default: ${default}."`
	Rows      float64       `placeholder:"N" help:"Rows an hour of each instance of Tstat on a sensor of yours: the report gets a line for it at each threshold."`
	Instances int           `default:"1" placeholder:"N" help:"Instances of Tstat on that sensor. Default: ${default}."`

	began time.Time
}

func main() {
	var c command
	k := kong.Parse(&c, kong.Name("capacity"), kong.Description(description))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	k.FatalIfErrorf(c.run(ctx))
}

// Validate reports an error for settings that measure nothing.
func (c *command) Validate() error {
	if c.Megabytes < 1 || c.Rounds < 1 || c.Rows < 0 || c.Instances < 1 {
		return errors.New("--megabytes, --rounds and --instances must be at least 1, --rows not negative")
	}
	return nil
}

// sensor is a sensor that the report has a line for at each threshold.
type sensor struct {
	rows      float64 // in an hour, of each instance
	instances int
}

func (c *command) run(ctx context.Context) (err error) {
	c.began = time.Now()
	// rabbittest reads the flag -test.short.
	testing.Init()
	if err := flag.CommandLine.Parse(nil); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "tstat-capacity-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	results, far, err := measure(ctx, dir, c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	if err := plots(c.Out, results, far); err != nil {
		return err
	}
	return writeReport(c.Out, results, far, sensor{rows: c.Rows, instances: c.Instances})
}
