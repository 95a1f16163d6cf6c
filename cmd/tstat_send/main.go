// Tstat_send sends the flows in Tstat's logs to RabbitMQ.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/cli"
)

// The linker sets these variables.
var version, commit, date string

var build = cli.NewBuild(version, commit, date)

const description = `Send the flows in Tstat's logs to RabbitMQ, and mark what was confirmed.

Finds the directories below each --directory whose names end in .out, oldest first, reads their logs log_tcp_complete and log_udp_complete, and sends the flows of at least --threshold MB as JSON messages. When all messages of a directory are confirmed, the directory is marked with a file .processed. If Tstat writes to a marked directory, the next run sends the new rows. Meant to be run from cron.

Exit status: 0 all done; 64 wrong usage; 66 a root does not exist or cannot be read; 74 a directory could not be read or marked (the others were done); 75 try again later (broker away or blocked, not confirmed in time, root locked by another run, interrupted); 77 refused (credentials, permissions); 78 wrong configuration (file, TLS, missing queue, exchange or vhost, unroutable message).`

type command struct {
	Directory   []cli.Root `short:"d" sep:"none" placeholder:"[INSTANCE=]DIR" help:"A root, the directory below which Tstat writes its directories of logs; with the instance id of that Tstat, if it has its own. May be repeated, but no root may lie in another. Required, unless the configuration names the roots."`
	Config      string     `short:"c" default:"./config.ini" placeholder:"FILE" help:"The configuration file. It describes the transport, and its section [tstat_send] may set directory, instance, sensor, threshold and transport for flags that are not given. With --no-transport and --directory only its section [privacy] is used. Default: ${default}, or /etc/tstat-transport/config.ini if that file does not exist."`
	Threshold   threshold  `short:"T" default:"1000" placeholder:"MB" help:"Send flows of at least MB megabytes (1 MB = 1,000,000 bytes). Fractions are allowed; 0 sends all flows. Default: ${default}."`
	Transport   string     `short:"t" default:"rabbit" enum:"${transports}" placeholder:"NAME" help:"The transport: rabbit publishes to RabbitMQ (section [rabbit] of the configuration); http posts to a server (section [http]); file writes a file for each directory (section [file]). Default: ${default}."`
	Sensor      string     `short:"S" placeholder:"ID" help:"Sensor id in the flows. Default: the host name."`
	Instance    *string    `short:"I" placeholder:"ID" help:"Instance id in the flows, for roots without an instance id of their own. Default: 0."`
	Single      bool       `short:"s" help:"Stop after the first directory of which a message was sent."`
	NoTransport bool       `short:"N" help:"Print each message as a line of JSON on standard output instead of sending it. Needs no configuration and marks no directory."`
	Pretty      bool       `help:"With --no-transport: indent the JSON."`
	Workers     int        `short:"w" default:"0" placeholder:"N" help:"Workers that read, parse and encode. Default: the number of CPUs."`
	Connections int        `default:"${connections}" placeholder:"N" help:"Connections to RabbitMQ. With http and file, at most --connections x --channels x --window messages are sent at a time. Default: ${default}."`
	Channels    int        `default:"${channels}" placeholder:"N" help:"Channels on each connection. Default: ${default}."`
	Window      window     `default:"auto" placeholder:"auto|N" help:"How many messages on each channel may be unconfirmed. With auto, the number follows the round-trip time to RabbitMQ; with http and file, auto is 64. Default: ${default}."`
	Anonymize   *string    `enum:"none,truncate,cryptopan" placeholder:"none|truncate|cryptopan" help:"Replace the IP addresses in the flows: truncate, by their network; cryptopan, by pseudonyms that keep prefixes, made with a key. The section [privacy] of the configuration names the key and the addresses to replace. Default: the mode in that section, else none."`
	Timestamps  string     `default:"s" enum:"s,ms" placeholder:"s|ms" help:"Unit of start and end in the flows. Default: ${default}."`
	UDPDuration string     `name:"udp-duration" default:"s" enum:"s,ms" placeholder:"s|ms" help:"Unit of the durations in UDP logs. Tstat writes s; the Python tool read them as ms. Default: ${default}."`
	MaxRate     byteRate   `placeholder:"BYTES" help:"Send at most BYTES bytes of messages a second in total, counted before compression. Examples: 500k (1 k = 1000), 2.5M, 1Mi (1024 x 1024). Default: no limit."`
	Check       bool       `help:"Check everything that a run needs (configuration, roots, whether marks can be written, transport, permissions at RabbitMQ), print the results, and send nothing."`
	Status      bool       `help:"Print the pending directories, those that are not completely confirmed: age, unconfirmed bytes, state, path and cause. Only reads, and takes no lock. Exit status 0, or 74 if a root cannot be read."`
	JSON        bool       `name:"json" help:"With --status: print JSON instead of a table."`
	Resend      bool       `help:"Send again the directories that Tstat started between --since and --until: from their beginning, oldest first, whatever their marks say. The marks stay as they are, and no other run can work on the roots meanwhile. Excludes --check, --status, --single and --metrics."`
	Since       moment     `placeholder:"TIME" help:"With --resend: send the directories that Tstat started at this time or later. 2026-11-23 and 2026-11-23T10:00 are in the local time zone, as the names of the directories; 2026-11-23T10:00:00+01:00 is converted."`
	Until       moment     `placeholder:"TIME" help:"With --resend: send the directories that Tstat started before this time. For the 23rd: --since 2026-11-23 --until 2026-11-24."`
	DryRun      bool       `name:"dry-run" help:"With --resend: list the directories, their sizes and what their marks say, and send nothing. Takes no lock."`
	Rejects     string     `placeholder:"FILE" help:"Append malformed rows to FILE, with file, line and reason."`
	Progress    string     `default:"auto" enum:"auto,always,never" placeholder:"auto|always|never" help:"Show progress on standard error; auto shows it if standard error is a terminal. Default: ${default}."`
	Report      string     `placeholder:"FILE" help:"Write a report of the run to FILE, as JSON."`
	Metrics     string     `placeholder:"FILE" help:"Write metrics to FILE, for the textfile collector of Prometheus's node_exporter, which reads only names that end in .prom. Each line of a crontab needs a FILE of its own."`
	LogFormat   string     `default:"text" enum:"text,json" placeholder:"text|json" help:"Format of the log on standard error: text (key=value) or json. Default: ${default}."`
	Verbose     bool       `short:"v" help:"Also log each directory."`
	Debug       bool       `short:"D" help:"Log everything, including protocol events. Note that -D means --dry-run for tstat_cull, as for the Python tools."`
	Quiet       bool       `short:"q" help:"Log no summary if the exit status is 0. Errors and warnings are still logged."`

	Version kong.VersionFlag `help:"Print the version and exit."`

	configuration configuration
}

const (
	// maxWorkers bounds the memory of the workers: each has up to workerMemory.
	maxWorkers = 1024
	// maxUnconfirmed bounds --connections x --channels x --window, where auto counts as 1:
	// each unconfirmed message has a goroutine.
	maxUnconfirmed = 1 << 16
)

// Validate checks the flags. Kong calls it after parsing.
func (c *command) Validate() error {
	unconfirmed := 1 // the product; divisions instead of multiplications avoid overflow
	for _, f := range []struct {
		name  string
		value int
	}{{"connections", c.Connections}, {"channels", c.Channels}, {"window", max(1, int(c.Window))}} {
		if f.value < 1 {
			return fmt.Errorf("--%s %d: give 1 or more", f.name, f.value)
		}
		if f.value > maxUnconfirmed/unconfirmed {
			return fmt.Errorf("--connections, --channels and --window: give smaller values, their product may be at most %d", maxUnconfirmed)
		}
		unconfirmed *= f.value
	}
	switch {
	case c.Workers < 0 || c.Workers > maxWorkers:
		return fmt.Errorf("--workers %d: give 1 to %d", c.Workers, maxWorkers)
	case c.Workers == 0:
		c.Workers = min(runtime.NumCPU(), maxWorkers)
	}
	if c.Pretty && !c.NoTransport {
		return fmt.Errorf("--pretty needs --no-transport")
	}
	if c.JSON && !c.Status {
		return fmt.Errorf("--json needs --status")
	}
	if c.Status && (c.Check || c.NoTransport) {
		return fmt.Errorf("--status excludes --check and --no-transport")
	}
	if err := c.validateResend(); err != nil {
		return err
	}
	return cli.CheckDisjoint(cli.Paths(c.Directory))
}

func main() {
	// Signals stay caught until exit, so one that arrives after the work is done
	// does not change the exit status.
	ctx := cli.UntilSignal(context.Background())
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the flags say, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stdout, stderr)
	if err != nil {
		return cli.NotStarted(stderr, "tstat_send", err)
	}
	switch {
	case c.Check:
		return c.check(ctx, stdout, stderr)
	case c.Status:
		return c.status(ctx, stdout, stderr)
	case c.DryRun:
		return c.dryRun(ctx, stdout, stderr)
	}
	return c.send(ctx, stdout, stderr)
}

// parse reads the flags and the configuration. With --help or --version it ends the program.
// An error in the configuration is returned here only if it leaves the run without roots.
func parse(args []string, stdout, stderr io.Writer) (*command, error) {
	if err := cli.CheckArguments(args); err != nil {
		return nil, err
	}
	c := new(command)
	parser := kong.Must(c,
		kong.Name("tstat_send"),
		kong.WithHyphenPrefixedParameters(true), // -T -1 is a wrong value, not a flag -1
		kong.Description(description),
		kong.Writers(stdout, stderr),
		vars(),
	)
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, err
	}
	c.readConfiguration(parsed)
	if len(c.Directory) > 0 {
		return c, nil
	}
	const noRoot = "no root: give --directory, or directory in section [tstat_send] of the configuration"
	switch err := c.configuration.err; {
	case err == nil:
		return nil, errors.New(noRoot)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", noRoot, err)
	default:
		return nil, cli.ConfigError{Err: err}
	}
}

// vars returns the variables in the tags of command.
func vars() kong.Vars {
	return kong.Vars{
		"version":     "tstat_send " + build.String(),
		"transports":  strings.Join(transports, ","),
		"connections": strconv.Itoa(amqp.DefaultConnections),
		"channels":    strconv.Itoa(amqp.DefaultChannels),
	}
}
