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
	"tstat-transport/internal/transport"
)

// Set by the linker.
var version, commit, date string

const description = `Send the flows in Tstat's logs to RabbitMQ, and mark what was confirmed.

Looks below each --directory for directories that end in .out, reads log_tcp_complete and log_udp_complete in them, oldest directory first, and sends the flows of at least --threshold MB as JSON messages. A directory whose messages are all confirmed is marked with a file .processed; what Tstat writes to it later is sent by the next run. Meant to be run from cron.

Exit status: 0 all done; 64 wrong usage; 66 a root does not exist or cannot be read; 74 a directory could not be read or marked (the others were done); 75 try again later (broker away, not confirmed in time, root locked by another run, interrupted); 77 refused (credentials, permissions); 78 configuration (file, TLS, missing queue, exchange or vhost, unroutable message).`

type command struct {
	Directory   []cli.Root `short:"d" sep:"none" placeholder:"[INSTANCE=]DIR" help:"A root below which a Tstat writes its directories of logs, with the instance id of that Tstat if it has its own. May be repeated; no root may lie in another. Required, unless the configuration has it."`
	Config      string     `short:"c" default:"./config.ini" placeholder:"FILE" help:"Configuration: of the transport, and in its section [tstat_send] what is not given of --directory, --instance, --sensor, --threshold and --transport. With --no-transport and --directory only its section [privacy] counts. Default: ${default}, or if there is none, /etc/tstat-transport/config.ini."`
	Threshold   threshold  `short:"T" default:"1000" placeholder:"MB" help:"Send flows of at least so many megabytes (1 MB = 1,000,000 bytes); fractions are allowed, 0 sends all. Default: ${default}."`
	Transport   string     `short:"t" default:"rabbit" enum:"${transports}" placeholder:"NAME" help:"Where messages go: rabbit, to RabbitMQ (section [rabbit] of the configuration); http, posted to a server (section [http]); file, a file for each directory (section [file]). Default: ${default}."`
	Sensor      string     `short:"S" placeholder:"ID" help:"Sensor id in the flows. Default: the host name."`
	Instance    *string    `short:"I" placeholder:"ID" help:"Instance id in the flows, for roots without their own. Default: 0."`
	Single      bool       `short:"s" help:"Stop after the first directory that had something to send."`
	NoTransport bool       `short:"N" help:"Print each message as a line of JSON on standard output instead of sending it. Needs no configuration and marks nothing."`
	Pretty      bool       `help:"With --no-transport: indent the JSON."`
	Workers     int        `short:"w" default:"0" placeholder:"N" help:"Workers that read, parse and encode. Default: the number of CPUs."`
	Connections int        `default:"${connections}" placeholder:"N" help:"Connections to RabbitMQ. With http and file, --connections times --channels times --window is how many messages are sent at a time. Default: ${default}."`
	Channels    int        `default:"${channels}" placeholder:"N" help:"Channels on each connection. Default: ${default}."`
	Window      window     `default:"auto" placeholder:"auto|N" help:"Messages on each channel that may be unconfirmed: auto, as many as the distance to RabbitMQ makes worth while (64 with http and file), or a number. Default: ${default}."`
	Anonymize   string     `default:"" enum:",none,truncate,cryptopan" placeholder:"none|truncate|cryptopan" help:"Replace the addresses in the flows: truncate, by their network; cryptopan, by pseudonyms that keep prefixes, made with a key. The section [privacy] of the configuration names the key, and says which addresses are replaced. Default: what that section says, else none."`
	Timestamps  string     `default:"s" enum:"s,ms" placeholder:"s|ms" help:"Unit of start and end in the flows. Default: ${default}."`
	UDPDuration string     `name:"udp-duration" default:"s" enum:"s,ms" placeholder:"s|ms" help:"Unit in which UDP durations are read. Tstat writes s; ms is what the Python tool took them for. Default: ${default}."`
	MaxRate     byteRate   `placeholder:"BYTES" help:"Send at most so many bytes of messages a second in all, counted before any compression. Examples: 500k (1 k = 1000), 2.5M, 1Mi (1024 x 1024). Default: no limit."`
	Check       bool       `help:"Look at everything that a run needs (configuration, roots, whether marks can be written, transport, permissions at RabbitMQ), print what is right and what is wrong, and send nothing."`
	Status      bool       `help:"Print what is pending below the roots, and why: directory, age, bytes that are not confirmed. Reads only, and takes no lock. Exit status 0, or 74 if a root cannot be read."`
	JSON        bool       `name:"json" help:"With --status: print JSON instead of a table."`
	Resend      bool       `help:"Send the directories again that Tstat started from --since on and before --until: whole, oldest first, whatever their marks say. The marks stay as they are, and no other run can work on the roots meanwhile. See docs/resend.md."`
	Since       moment     `placeholder:"TIME" help:"With --resend: start of the first directory. 2026-11-23 and 2026-11-23T10:00 are local, as the names of the directories are; 2026-11-23T10:00:00+01:00 is not."`
	Until       moment     `placeholder:"TIME" help:"With --resend: the directories before this time are sent. For the 23rd: --since 2026-11-23 --until 2026-11-24."`
	DryRun      bool       `name:"dry-run" help:"With --resend: list the directories, their sizes and what their marks say, and send nothing. Takes no lock."`
	Rejects     string     `placeholder:"FILE" help:"Append malformed rows to FILE, with file, line and reason."`
	Progress    string     `default:"auto" enum:"auto,always,never" placeholder:"auto|always|never" help:"Show progress on standard error: auto, if that is a terminal. Default: ${default}."`
	Report      string     `placeholder:"FILE" help:"Write an account of the run to FILE, as JSON."`
	Metrics     string     `placeholder:"FILE" help:"Write metrics to FILE, for the textfile collector of Prometheus's node_exporter. Give it a name that ends in .prom, and each line of a crontab its own."`
	LogFormat   string     `default:"text" enum:"text,json" placeholder:"text|json" help:"Format of the log on standard error: text (key=value) or json. Default: ${default}."`
	Verbose     bool       `short:"v" help:"Log each directory too."`
	Debug       bool       `short:"D" help:"Log everything, protocol events included. For tstat_cull -D is --dry-run: the letters are those of the Python tools."`
	Quiet       bool       `short:"q" help:"Log no summary if the exit status is 0. Errors and warnings are logged as ever."`

	Version kong.VersionFlag `help:"Print the version and exit."`

	configuration configuration
	compressor    *transport.Compressor
}

const (
	// maxWorkers bounds the memory of the workers: each has a few hundred KiB.
	maxWorkers = 1024
	// maxUnconfirmed bounds the messages in flight: each has a goroutine.
	maxUnconfirmed = 1 << 16
)

// Validate is called by kong.
func (c *command) Validate() error {
	unconfirmed := 1
	for _, f := range []struct {
		name  string
		value int
	}{{"connections", c.Connections}, {"channels", c.Channels}, {"window", max(1, int(c.Window))}} {
		if f.value < 1 {
			return fmt.Errorf("--%s %d: give 1 or more", f.name, f.value)
		}
		if f.value > maxUnconfirmed/unconfirmed {
			return fmt.Errorf("--connections, --channels and --window: give less, their product may be %d at most", maxUnconfirmed)
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
		return fmt.Errorf("--pretty goes with --no-transport")
	}
	if c.JSON && !c.Status {
		return fmt.Errorf("--json goes with --status")
	}
	if c.Status && (c.Check || c.NoTransport) {
		return fmt.Errorf("--status goes with neither --check nor --no-transport")
	}
	if err := c.validateResend(); err != nil {
		return err
	}
	return cli.CheckDisjoint(cli.Paths(c.Directory))
}

func main() {
	// Signals stay caught until exit, so one that arrives after the work is done
	// does not change the exit status.
	ctx, _ := cli.UntilSignal(context.Background())
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c command
	parser := kong.Must(&c,
		kong.Name("tstat_send"),
		kong.WithHyphenPrefixedParameters(true), // -T -1 is a wrong value, not a flag -1
		kong.Description(description),
		kong.Writers(stdout, stderr),
		vars(),
	)
	usage := func(err error) int {
		fmt.Fprintf(stderr, "tstat_send: %v\ntstat_send: run tstat_send --help for what can be given\n", err)
		return cli.Usage
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usage(err)
	}
	if c.readConfiguration(parsed); len(c.Directory) == 0 {
		if err := c.configuration.err; err != nil && !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(stderr, "tstat_send: %v\n", err)
			return cli.Config
		}
		return usage(errors.New("no root: give --directory, or directory in section [tstat_send] of the configuration"))
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

// vars returns what the tags of command refer to.
func vars() kong.Vars {
	return kong.Vars{
		"version":     "tstat_send " + cli.Version(version, commit, date),
		"transports":  strings.Join(transports, ","),
		"connections": strconv.Itoa(amqp.DefaultConnections),
		"channels":    strconv.Itoa(amqp.DefaultChannels),
	}
}
