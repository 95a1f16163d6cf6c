package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/cli"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// watch is what is told of a run: its log, progress, account and metrics.
type watch struct {
	c        *command
	log      *slog.Logger
	run      report.Run
	progress *report.Progress // nil where none is shown
	books    bool             // the run has come so far that it has a summary
	// delivery tells what the transport has counted.
	delivery func() report.Delivery
}

func (c *command) watch(stdout, stderr io.Writer) *watch {
	w := &watch{
		c:        c,
		delivery: func() report.Delivery { return report.Delivery{} },
		run: report.Run{
			Version: cli.VersionOrUnknown(version), Started: time.Now(), Settings: c.settings(),
			Counters: new(report.Counters), Events: new(report.Events),
		},
	}
	for _, d := range c.Directory {
		r := report.Root{Path: d.path, Instance: d.instance}
		if r.Instance == "" {
			r.Instance = c.instanceName()
		}
		w.run.Roots = append(w.run.Roots, r)
	}
	out := stderr
	// Messages that are printed on the same terminal would break the line.
	visible := report.IsTerminal(stderr) && !(c.NoTransport && report.IsTerminal(stdout))
	if c.Progress == "always" || c.Progress == "auto" && visible {
		w.progress = report.NewProgress(stderr)
		out = w.progress
	}
	w.log = slog.New(w.run.Events.Handler(cli.NewLogger(out, c.level(), c.LogFormat).Handler()))
	return w
}

// show shows progress, where it is wanted, until stop is called.
func (w *watch) show() (stop func()) {
	if w.progress == nil {
		return func() {}
	}
	return w.progress.Show(w.run.Counters)
}

// counts has the transport's own counters in the books.
func (w *watch) counts(t transport.Transport) {
	if s, ok := t.(interface{ Stats() amqp.Stats }); ok {
		w.delivery = func() report.Delivery { return delivery(s.Stats()) }
	}
}

// end writes what was asked for about the run, and returns its exit status.
func (w *watch) end(ctx context.Context, status int) int {
	r := &w.run
	r.Ended, r.Status, r.Interrupted = time.Now(), status, ctx.Err() != nil
	r.Sensor, r.Delivery = w.c.Sensor, w.delivery()
	if w.c.Report != "" {
		if err := r.WriteAccount(w.c.Report); err != nil {
			w.log.Error("cannot write the report, correct --report", "reason", err)
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if w.c.Metrics != "" {
		if err := r.WriteMetrics(w.c.Metrics); err != nil {
			w.log.Error("cannot write the metrics, correct --metrics", "reason", err)
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if w.books {
		w.log.Info("summary", r.Attrs()...)
	}
	return r.Status
}

func delivery(s amqp.Stats) report.Delivery {
	return report.Delivery{
		Resent: int64(s.Resent), Returned: int64(s.Returned), Nacked: int64(s.Nacked), Reconnects: int64(s.Reconnects),
		Latency: report.Latency{
			Count: s.Latency.Count, Sum: s.Latency.Sum, Max: s.Latency.Max, Buckets: s.Latency.Buckets[:],
		},
	}
}

// settings are what the account of a run shows of the command line.
func (c *command) settings() report.Settings {
	s := report.Settings{
		Transport: c.Transport, Config: c.Config, ThresholdBytes: c.Threshold.bytes, Single: c.Single,
		Workers: c.Workers, Connections: c.Connections, Channels: c.Channels, Window: c.Window,
		Timestamps: c.Timestamps, UDPDuration: c.UDPDuration, MaxRate: c.MaxRate.bytes,
		Rejects: c.Rejects, Metrics: c.Metrics,
	}
	if c.NoTransport {
		s.Transport, s.Config = "none", ""
	}
	return s
}
