package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/logdir"
)

// checkReport prints a line for each finding, and keeps the most severe status.
type checkReport struct {
	w      io.Writer
	status int
}

func (c *checkReport) ok(format string, args ...any)   { c.line("ok", format, args) }
func (c *checkReport) note(format string, args ...any) { c.line("note", format, args) }

func (c *checkReport) wrong(status int, format string, args ...any) {
	c.line("wrong", format, args)
	c.status = cli.Worse(c.status, status)
}

func (c *checkReport) line(word, format string, args []any) {
	_, _ = fmt.Fprintf(c.w, "%-5s %s\n", word, cli.Printable(fmt.Sprintf(format, args...)))
}

// check implements --check. It returns the most severe exit status of its findings.
func (c *command) check(ctx context.Context, stdout, stderr io.Writer) int {
	out := &checkReport{w: stdout}
	log := cli.NewLogger(stderr, cli.Level(c.Verbose, c.Debug), c.LogFormat)
	if err := c.identify(); err != nil {
		out.wrong(cli.Usage, "sensor id: %v: give --sensor", err)
	}
	c.checkOptions(out)
	for _, r := range c.Directory {
		c.checkRoot(ctx, out, r)
	}
	if !c.NoTransport {
		for _, r := range c.repeatedInstances() {
			out.note("roots %s and %s both have the instance id %s: %s", r.other, r.root, r.id, repeatedHint)
		}
	}
	c.checkTransport(ctx, out, log)
	if ctx.Err() != nil {
		out.wrong(cli.TempFail, "interrupted")
	}
	return out.status
}

func (c *command) checkTransport(ctx context.Context, out *checkReport, log *slog.Logger) {
	b, err := c.backend(log, io.Discard)
	for _, w := range c.warnings() {
		out.note("configuration: %s", w)
	}
	if err != nil {
		out.wrong(transportStatus(err), "%v", err)
		return
	}
	if !c.NoTransport {
		out.ok("configuration %s: the settings for %s are complete", c.Config, c.Transport)
	}
	for _, f := range b.check(ctx) {
		switch {
		case f.Err != nil:
			out.wrong(transportStatus(f.Err), "%v", f.Err)
		case f.Note:
			out.note("%s", f.Text)
		default:
			out.ok("%s", f.Text)
		}
	}
}

// checkRoot checks that a root can be read and that marks can be written below it. It
// holds the root's lock meanwhile.
func (c *command) checkRoot(ctx context.Context, out *checkReport, d cli.Root) {
	r, err := logdir.OpenRoot(d.Path)
	if err != nil {
		out.wrong(cli.NoInput, "root %s: %v: correct -d, or let this user read it", d.Path, err)
		return
	}
	defer r.Close()
	switch err := r.Lock(); {
	case errors.Is(err, logdir.ErrLocked):
		out.wrong(cli.TempFail, "root %s: %v: %s", d.Path, err, logdir.LockRemedy(err))
		return
	case err != nil:
		out.wrong(cli.NoInput, "root %s: cannot be locked: %v", d.Path, err)
		return
	}
	entries, err := r.Find(ctx, func(path string, err error) {
		if logdir.IsHarmless(path, err) {
			out.ok("directory %s is not entered: %v", path, err)
			return
		}
		out.wrong(cli.IO, "directory %s: %v: let this user read it", path, err)
	})
	switch {
	case ctx.Err() != nil: // check reports it
		return
	case err != nil:
		out.wrong(cli.NoInput, "root %s: %v", d.Path, err)
		return
	}
	pending := len(entries)
	for _, e := range entries {
		if _, done := logdir.Inspect(e); done { // as --status counts
			pending--
		}
	}
	out.ok("root %s: %d directories of logs, %d of them pending", d.Path, len(entries), pending)
	if !c.NoTransport {
		checkMarks(out, d.Path, entries)
	}
}

// checkMarks tries to write a mark into the last directory in the order of logdir.Sort. That
// is usually the newest, which has the owner and the permissions that Tstat will give the
// next directory.
func checkMarks(out *checkReport, path string, entries []logdir.Entry) {
	logdir.Sort(entries)
	for _, e := range slices.Backward(entries) {
		dir, err := logdir.Open(e)
		if errors.Is(err, logdir.ErrVanished) || errors.Is(err, logdir.ErrLocked) {
			continue
		}
		if err == nil {
			err = errors.Join(dir.TryMark(), dir.Close())
		}
		if err != nil {
			if remedy := logdir.WriteRemedy(err); remedy != "" {
				err = fmt.Errorf("%w: %s", err, remedy)
			}
			out.wrong(cli.IO, "marks: %v", err)
		} else {
			out.ok("marks: can be written in %s", e.Path())
		}
		return
	}
	if len(entries) > 0 {
		out.note("marks: not tested, because each directory of logs below %s is locked or has vanished", path)
		return
	}
	out.note("marks: not tested, because there is no directory of logs below %s yet", path)
}
