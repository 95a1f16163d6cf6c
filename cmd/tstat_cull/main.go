// Tstat_cull deletes directories of Tstat logs that tstat_send has sent.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/cull"
	"tstat-transport/internal/report"
)

// The linker sets these variables.
var version, commit, date string

var build = cli.NewBuild(version, commit, date)

const description = `Delete directories of Tstat logs that tstat_send has sent.

A directory is deleted if its mark, the file .processed, was written at least --ttl hours ago and nothing has been added to its logs since. A directory without a mark, or with rows that are not sent yet, is never deleted. A directory on which tstat_send works is left for the next run. A directory that cannot be deleted completely, because of permissions or attributes of a file in it, is left complete and logged.

Exit status: 0 all done; 64 wrong usage; 66 a root does not exist or cannot be read; 74 a directory could not be read or deleted (the others were done), or --min-free was not reached; 75 interrupted; 78 wrong configuration.`

type command struct {
	Directory []cli.Root       `short:"d" sep:"none" placeholder:"[INSTANCE=]DIR" help:"A root, the directory below which Tstat writes its directories of logs (their names end in .out). An INSTANCE, as in the roots of tstat_send, is ignored. May be repeated, but no root may lie in another. File systems mounted below DIR are not entered: cull each in a run of its own."`
	Config    string           `short:"c" placeholder:"FILE" help:"The configuration file of tstat_send. If no -d is given, the roots come from this file (directory in section [tstat_send])."`
	TTL       ttl              `name:"ttl" short:"t" default:"48" placeholder:"HOURS" help:"How many hours a directory is kept after it was marked. Fractions are allowed. HOURS must be more than the time for which Tstat writes to a directory, usually one hour. Default: ${default}."`
	MinFree   minFree          `placeholder:"PERCENT|SIZE" help:"If less space than this is free on the disk of DIR, also delete sent directories that are younger than --ttl: the oldest first, as few as needed, and none that Tstat has written to in the last two hours. Examples: 10%, 50G (50 x 1000^3 bytes), 50Gi (50 x 1024^3 bytes); the unit is required. The exit status is 74 if too little space is free after that."`
	DryRun    bool             `short:"D" help:"Log the directories that would be deleted, and delete nothing. Note that -D means --debug for tstat_send, as for the Python tools."`
	Workers   int              `short:"w" default:"0" placeholder:"N" help:"Directories to examine and delete at a time. Default: the number of CPUs."`
	Report    string           `placeholder:"FILE" help:"Write a report of the run to FILE, as JSON."`
	Metrics   string           `placeholder:"FILE" help:"Write metrics to FILE, for the textfile collector of Prometheus's node_exporter, which reads only names that end in .prom. Each line of a crontab needs a FILE of its own."`
	Quiet     bool             `short:"q" help:"Log no summary if the exit status is 0. Errors, warnings and the list of --dry-run are still logged."`
	Verbose   bool             `short:"v" help:"Also log each directory that is deleted, locked or has vanished."`
	LogFormat string           `default:"text" enum:"text,json" placeholder:"text|json" help:"Format of the log on standard error: text (key=value) or json. Default: ${default}."`
	Version   kong.VersionFlag `help:"Print the version and exit."`
}

// ttl is the value of --ttl.
type ttl struct{ time.Duration }

// UnmarshalText parses a number of hours. A number above the longest Duration, 292 years,
// becomes the longest Duration.
func (t *ttl) UnmarshalText(text []byte) error {
	hours, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(hours >= 0) || math.IsInf(hours, 0) { // NaN is not >= 0
		return fmt.Errorf("%q: give a number of hours, 0 or more", text)
	}
	t.Duration = math.MaxInt64
	if hours < math.MaxInt64/float64(time.Hour) {
		t.Duration = time.Duration(hours * float64(time.Hour))
	}
	return nil
}

// minFree is the value of --min-free, and its text on the command line.
type minFree struct {
	cull.Space
	text string
}

// UnmarshalText parses a percentage or a size.
func (m *minFree) UnmarshalText(text []byte) error {
	m.text = string(text)
	return m.Space.UnmarshalText(text)
}

// Validate checks the flags. Kong calls it after parsing.
func (c *command) Validate() error {
	if c.Workers < 0 {
		return fmt.Errorf("--workers %d: give 1 or more", c.Workers)
	}
	if c.Workers == 0 {
		c.Workers = runtime.NumCPU()
	}
	return cli.CheckDisjoint(cli.Paths(c.Directory))
}

func main() {
	// Signals stay caught until exit, so one that arrives after the work is done
	// does not change the exit status.
	ctx := cli.UntilSignal(context.Background())
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// run culls the roots, reports on the run and returns the exit status.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	c, err := parse(args)
	if err != nil {
		return cli.NotStarted(stderr, "tstat_cull", err)
	}
	if !c.DryRun {
		// The run continues if the process that reads the log has ended. A dry run ends,
		// since its result is in the log.
		signal.Ignore(syscall.SIGPIPE)
	}
	r := report.CullRun{
		RunInfo: report.RunInfo{Version: build.Version, Started: time.Now(), Events: new(report.Events)},
		DryRun:  c.DryRun, TTL: c.TTL.Duration, MinFree: c.MinFree.text,
	}
	logger := cli.NewLogger(stderr, cli.Level(c.Verbose || c.DryRun, false), c.LogFormat)
	log := slog.New(r.Events.Handler(logger.Handler()))
	result := cull.Run(ctx, cli.Paths(c.Directory), r.Started, cull.Options{
		TTL: c.TTL.Duration, MinFree: c.MinFree.Space, DryRun: c.DryRun, Workers: c.Workers, Log: log,
	})
	r.Ended, r.Status, r.Interrupted = time.Now(), exitStatus(ctx, result), ctx.Err() != nil
	for _, root := range result.Roots {
		r.Roots = append(r.Roots, report.CullRoot{
			Path: root.Path, CullCounts: report.CullCounts(root.Counts), Unreadable: root.Unreadable, LackingBytes: root.LackingBytes,
		})
	}
	c.writeFiles(&r, log)
	if !c.Quiet || r.Status != cli.OK {
		logSummary(cli.NewLogger(stderr, slog.LevelInfo, c.LogFormat), &r, result.Total())
	}
	return r.Status
}

// parse reads the flags, and the roots from the configuration if no flag names them. With
// --help or --version it ends the program.
func parse(args []string) (*command, error) {
	if err := cli.CheckArguments(args); err != nil {
		return nil, err
	}
	c := new(command)
	parser := kong.Must(c,
		kong.Name("tstat_cull"),
		kong.WithHyphenPrefixedParameters(true), // -t -1 is a wrong number, not a missing one
		kong.Description(description),
		kong.Vars{"version": "tstat_cull " + build.String()},
	)
	_, err := parser.Parse(args)
	if err == nil && len(c.Directory) == 0 {
		c.Directory, err = configuredRoots(c.Config)
	}
	return c, err
}

// writeFiles writes the report and the metrics of a run that has ended. If one of them
// cannot be written, the status of the run becomes cli.IO or worse.
func (c *command) writeFiles(run *report.CullRun, log *slog.Logger) {
	if c.Report != "" {
		if err := run.WriteReport(c.Report); err != nil {
			log.Error("report_unwritable", "file", c.Report, "error", err, "hint", "correct --report")
			run.Status = cli.Worse(run.Status, cli.IO)
		}
	}
	if c.Metrics != "" {
		metrics, err := report.OpenMetrics(c.Metrics)
		if err != nil {
			log.Warn("metrics_unreadable", "file", c.Metrics, "error", err)
		}
		if err := run.WriteMetrics(metrics); err != nil {
			log.Error("metrics_unwritable", "file", c.Metrics, "error", err, "hint", "correct --metrics")
			run.Status = cli.Worse(run.Status, cli.IO)
		}
	}
}

func logSummary(log *slog.Logger, run *report.CullRun, total cull.Counts) {
	log.Info("summary",
		"found", total.Found, "directories", total.Directories, "bytes", total.Bytes, "unmarked", total.Unmarked,
		"changed", total.Changed, "kept", total.Kept, "locked", total.Locked, "failed", total.Failed, "dry_run", run.DryRun,
		"seconds", cli.Seconds(run.Ended.Sub(run.Started)), "status", run.Status)
}

// exitStatus returns the most severe status of the run.
func exitStatus(ctx context.Context, r cull.Result) int {
	status := cli.OK
	if ctx.Err() != nil {
		status = cli.TempFail
	}
	for _, root := range r.Roots {
		// A run that was interrupted does not know whether --min-free can be reached.
		if root.Failed > 0 || root.LackingBytes > 0 && ctx.Err() == nil {
			status = cli.Worse(status, cli.IO)
		}
		if root.Unreadable {
			status = cli.Worse(status, cli.NoInput)
		}
	}
	return status
}
