package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/status"
	"tstat-transport/internal/workers"
)

// moment is the value of --since and --until.
type moment struct{ time.Time }

// UnmarshalText reads a time of RFC 3339, a local time to the minute or second, or a
// date, which means its midnight.
func (m *moment) UnmarshalText(text []byte) (err error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if m.Time, err = time.ParseInLocation(layout, string(text), time.Local); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q: give a time such as 2026-11-23, 2026-11-23T10:00 or 2026-11-23T10:00:00+01:00", text)
}

// validateResend checks the flags of a resend.
func (c *command) validateResend() error {
	if !c.Resend {
		if !c.Since.IsZero() || !c.Until.IsZero() || c.DryRun {
			return errors.New("--since, --until and --dry-run need --resend")
		}
		return nil
	}
	switch {
	case c.Since.IsZero() || c.Until.IsZero():
		return errors.New("--resend needs --since and --until")
	case !c.Since.Before(c.Until.Time):
		return errors.New("--until must be later than --since: for one day, give the day and the day after")
	case c.Check || c.Status || c.Single:
		return errors.New("--resend excludes --check, --status and --single")
	case c.Metrics != "":
		return errors.New("--resend excludes --metrics: the metrics describe the runs that mark directories")
	}
	return nil
}

// span returns the span of a resend; nil for any other run.
func (c *command) span() *workers.Span {
	if !c.Resend {
		return nil
	}
	return &workers.Span{Since: c.Since.Time, Until: c.Until.Time}
}

// dryRun prints what a resend would send, and returns the exit status. It takes no
// lock.
func (c *command) dryRun(ctx context.Context, stdout, stderr io.Writer) int {
	log := cli.NewLogger(stderr, cli.Level(c.Verbose, c.Debug), c.LogFormat)
	var roots []*logdir.Root
	exit := cli.OK
	for _, d := range c.Directory {
		r, err := logdir.OpenRoot(d.Path)
		if err != nil {
			log.Error("root_unreadable", "root", d.Path, "error", err, "hint", logdir.RootRemedy)
			exit = cli.Worse(exit, cli.NoInput)
			continue
		}
		defer r.Close()
		roots = append(roots, r)
	}
	entries, outcome, err := workers.Survey(ctx, workers.Options{
		Roots: roots, Resend: c.span(), Workers: c.Workers, Log: log, Counters: new(report.Counters),
	})
	switch {
	case ctx.Err() != nil:
		return cli.Worse(exit, cli.TempFail)
	case err != nil: // Survey has logged the unreadable roots
		exit = cli.Worse(exit, cli.NoInput)
	case outcome.IOErrors > 0:
		exit = cli.Worse(exit, cli.IO)
	}
	if err := status.WriteEntries(stdout, entries); err != nil {
		fmt.Fprintf(stderr, "tstat_send: %v\n", err)
		return cli.Worse(exit, cli.IO)
	}
	return exit
}

// logStopped logs where to continue a resend that was stopped.
func (c *command) logStopped(o workers.Outcome, log *slog.Logger) {
	if o.ResumeAt.IsZero() {
		return
	}
	log.Warn("resend_stopped", "hint", fmt.Sprintf("continue with --since %s --until %s",
		o.ResumeAt.Format(time.RFC3339Nano), c.Until.Format(time.RFC3339Nano)))
}
