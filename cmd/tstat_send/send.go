package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

const (
	// grace is how long messages in flight may take to be confirmed after the run
	// has been told to stop.
	grace = 10 * time.Second
	// closeGrace is how long the transport may take to close.
	closeGrace = 10 * time.Second
)

// send sends directories, reports on the run and returns the exit status.
func (c *command) send(ctx context.Context, stdout, stderr io.Writer) int {
	if !c.NoTransport {
		// The run continues if the process that reads the log has ended. With
		// --no-transport, SIGPIPE ends the run when its output has no reader.
		signal.Ignore(syscall.SIGPIPE)
	}
	c.limitMemory()
	tel := c.newTelemetry(stdout, stderr)
	return tel.end(ctx, c.sendDirectories(ctx, stdout, tel))
}

// sendDirectories opens the roots, the transport and the file of rejects, runs the pipeline
// and closes all of them. It returns the exit status.
func (c *command) sendDirectories(ctx context.Context, stdout io.Writer, tel *telemetry) int {
	log := tel.log
	if err := c.identify(); err != nil {
		log.Error("sensor_unknown", "error", err, "hint", "give --sensor")
		return cli.Usage
	}
	roots, status := c.openRoots(log)
	defer func() {
		for _, r := range roots {
			_ = r.Close()
		}
	}()
	if len(roots) == 0 {
		return status
	}
	policy, err := c.privacy()
	if err != nil && c.configuration.err == nil { // openTransport returns configuration.err
		log.Error("privacy_unusable", "error", err, "hint", "nothing is sent, since addresses might leave the sensor")
		return cli.Worse(status, cli.Config)
	}
	tel.counted = true
	t, compressor, err := c.openTransport(ctx, tel, stdout)
	if err != nil {
		log.Error("transport_unavailable", "transport", tel.run.Settings.Transport, "error", err)
		return cli.Worse(status, cli.Worse(transportStatus(err), c.survey(ctx, roots, tel)))
	}
	rejects, err := report.OpenRejects(c.Rejects)
	if err != nil {
		log.Error("rejects_unwritable", "file", c.Rejects, "error", err, "hint", "correct --rejects; the run continues without that file")
		status = cli.Worse(status, cli.IO)
	}

	o := c.options(roots, tel)
	o.Transport, o.Compressor, o.Settings.Privacy = t, compressor, policy
	if rejects != nil { // an interface that holds a nil *Rejects would not be nil
		o.Rejects = rejects
	}
	status = cli.Worse(status, c.runPipeline(ctx, o, tel))
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeGrace)
	defer cancel()
	if err := t.Close(end); err != nil {
		log.Warn("transport_not_closed", "transport", tel.run.Settings.Transport, "error", err)
	}
	if err := rejects.Close(); err != nil {
		log.Error("rejects_unwritable", "file", c.Rejects, "error", err)
		status = cli.Worse(status, cli.IO)
	}
	return status
}

// runPipeline runs the pipeline, shows its progress, logs its outcome and returns the exit
// status.
func (c *command) runPipeline(ctx context.Context, o workers.Options, tel *telemetry) int {
	stop := tel.follow(ctx)
	outcome, err := workers.Run(ctx, o)
	stop()
	status := cli.OK
	if err != nil { // Run has logged the unreadable roots
		status = cli.NoInput
	}
	status = cli.Worse(status, c.logOutcome(outcome, tel.log))
	c.logStopped(outcome, tel.log)
	return status
}

// survey counts the unsent directories, for the metrics and the report of a run whose
// transport could not be opened. It returns the exit status for errors of the crawl.
func (c *command) survey(ctx context.Context, roots []*logdir.Root, tel *telemetry) int {
	_, outcome, err := workers.Survey(ctx, c.options(roots, tel))
	switch {
	case ctx.Err() != nil:
		return cli.TempFail
	case err != nil: // Survey has logged the unreadable roots
		return cli.NoInput
	case outcome.IOErrors > 0:
		return cli.IO
	}
	return cli.OK
}

// identify sets the sensor id to the host name if none was given.
func (c *command) identify() (err error) {
	if c.Sensor == "" {
		c.Sensor, err = os.Hostname()
	}
	return err
}

// openRoots opens and locks the roots, and returns the roots that it could lock. The
// caller must close them. status is the exit status for the other roots.
func (c *command) openRoots(log *slog.Logger) (roots []*logdir.Root, status int) {
	for _, d := range c.Directory {
		r, err := openRoot(d)
		switch {
		case errors.Is(err, logdir.ErrLocked):
			log.Warn("root_locked", "root", d.Path, "error", err, "hint", logdir.LockRemedy(err))
			status = cli.Worse(status, cli.TempFail)
		case err != nil:
			log.Error("root_unreadable", "root", d.Path, "error", err, "hint", logdir.RootRemedy)
			status = cli.Worse(status, cli.NoInput)
		default:
			roots = append(roots, r)
		}
	}
	if !c.NoTransport {
		for _, r := range c.repeatedInstances() {
			log.Warn("instance_repeated", "root", r.root, "other", r.other, "instance", r.id, "hint", repeatedHint)
		}
	}
	return roots, status
}

func openRoot(d cli.Root) (*logdir.Root, error) {
	r, err := logdir.OpenRoot(d.Path)
	if err != nil {
		return nil, err
	}
	r.Instance = d.Instance
	if err := r.Lock(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// repeatedInstance is two roots with the same instance id. A message id contains the
// instance id, but not the root. So two messages from the two roots may have the same
// id, and a consumer that drops repeated messages would drop one of them.
type repeatedInstance struct{ id, root, other string }

const repeatedHint = "messages from these roots may have the same message id: give each root its own instance id, -d ID=DIR"

// repeatedInstances returns each root that has the instance id of an earlier root.
func (c *command) repeatedInstances() (repeated []repeatedInstance) {
	seen := make(map[string]string)
	for _, d := range c.Directory {
		id := c.instanceOf(d)
		if other, ok := seen[id]; ok {
			repeated = append(repeated, repeatedInstance{id, d.Path, other})
		} else {
			seen[id] = d.Path
		}
	}
	return repeated
}

// options returns the options of the pipeline that need no transport.
func (c *command) options(roots []*logdir.Root, tel *telemetry) workers.Options {
	return workers.Options{
		Roots: roots, Mark: !c.NoTransport, Single: c.Single, Resend: c.span(),
		Settings: message.Settings{
			Sensor: c.Sensor, Instance: c.Instance,
			Milliseconds: c.Timestamps == "ms", UDPMilliseconds: c.UDPDuration == "ms",
		},
		Threshold: c.Threshold.bytes, Workers: c.Workers, Publishers: c.publishers(), Untaken: c.untaken(),
		Directories: c.directories(), Pack: c.rabbit(),
		Grace: grace, Version: build.Version, Log: tel.log, Counters: tel.run.Counters,
	}
}

// logOutcome logs the error with which the transport stopped the pipeline, if there is one,
// and returns the exit status of the outcome.
func (c *command) logOutcome(o workers.Outcome, log *slog.Logger) int {
	status := cli.OK
	switch {
	case o.TransportErr == nil:
	case c.NoTransport:
		log.Error("not_printed", "error", o.TransportErr)
		if !o.Interrupted {
			status = cli.IO
		}
	default:
		hint := "the next run sends the rest"
		if c.Resend {
			hint = "continue as resend_stopped says"
		}
		log.Error("not_delivered", "transport", c.Transport, "error", o.TransportErr, "hint", hint)
		status = transportStatus(o.TransportErr)
	}
	if o.IOErrors > 0 {
		status = cli.Worse(status, cli.IO)
	}
	if o.Interrupted || o.Locked > 0 {
		status = cli.Worse(status, cli.TempFail)
	}
	return status
}

// transportStatus returns the exit status for an error of a transport.
func transportStatus(err error) int {
	switch transport.VerdictOf(err) {
	case transport.Refused:
		return cli.NoPerm
	case transport.Misconfigured, transport.TooLarge:
		return cli.Config
	}
	return cli.TempFail
}
