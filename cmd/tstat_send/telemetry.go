package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/delivery"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// telemetry reports on a run: its log, progress, report and metrics.
type telemetry struct {
	c        *command
	log      *slog.Logger
	summary  *slog.Logger        // logs the summary, whatever the level of log
	metrics  *report.MetricsFile // nil without --metrics
	run      report.Run
	progress *report.Progress // nil if no progress is shown
	terminal io.Writer        // the terminal that shows the log; nil if there is none
	counted  bool             // the run has begun to count, so end logs a summary
	// delivery returns the counters of the transport.
	delivery func() delivery.Stats
}

func (c *command) newTelemetry(stdout, stderr io.Writer) *telemetry {
	w := &telemetry{
		c:        c,
		delivery: func() delivery.Stats { return delivery.Stats{} },
		run: report.Run{
			Outcome:  report.Outcome{Version: cli.VersionOrUnknown(version), Started: time.Now(), Events: new(report.Events)},
			Settings: c.settings(), Counters: new(report.Counters),
		},
	}
	for _, d := range c.Directory {
		w.run.Roots = append(w.run.Roots, report.Root{Path: d.Path, Instance: c.instanceOf(d)})
	}
	out := stderr
	// Messages printed on the same terminal would break up the bar.
	visible := report.IsTerminal(stderr) && !(c.NoTransport && report.IsTerminal(stdout))
	if c.Progress == "always" || c.Progress == "auto" && visible {
		w.progress = report.NewProgress(stderr)
		out = w.progress
	}
	if report.IsTerminal(stderr) {
		w.terminal = out
	}
	w.log = slog.New(w.run.Events.Handler(cli.NewLogger(out, cli.Level(c.Verbose, c.Debug), c.LogFormat).Handler()))
	w.summary = cli.NewLogger(out, slog.LevelInfo, c.LogFormat)
	if c.Metrics != "" {
		var err error
		if w.metrics, err = report.OpenMetrics(c.Metrics); err != nil {
			w.log.Warn("metrics_unreadable", "file", c.Metrics, "error", err)
		}
	}
	return w
}

// metricsInterval is how often a run writes its metrics.
const metricsInterval = 15 * time.Second

// keepWriting writes the metrics at once and then at each interval, until stop is
// called. It logs only the first failure; end writes the metrics again and logs its own
// failure.
func (w *telemetry) keepWriting(interval time.Duration) (stop func()) {
	if w.metrics == nil {
		return func() {}
	}
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		logged := false
		for {
			r := w.run
			r.Sensor, r.Delivery = w.c.Sensor, w.delivery()
			if err := r.WriteProgress(w.metrics, time.Now()); err != nil && !logged {
				w.log.Warn("metrics_not_written", "file", w.c.Metrics, "error", err, "hint", "correct --metrics; the run continues, and tries again")
				logged = true
			}
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		writing.Wait()
	}
}

// tellStop prints a line to the terminal when ctx ends, which says what the program still
// waits for. stop cancels that.
func (w *telemetry) tellStop(ctx context.Context) (stop func() bool) {
	if w.terminal == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() {
		n := w.run.Counters
		waiting := n.Published.Load() - n.Confirmed.Load() - n.Failed.Load()
		if waiting > 0 {
			fmt.Fprintf(w.terminal, "tstat_send: stopping, waiting for %d messages (at most %v); press Ctrl-C again to end at once\n", waiting, grace)
		} else {
			fmt.Fprintln(w.terminal, "tstat_send: stopping")
		}
	})
}

// show shows the progress of the run until stop is called, if progress is to be shown.
func (w *telemetry) show() (stop func()) {
	if w.progress == nil {
		return func() {}
	}
	return w.progress.Show(w.run.Counters)
}

// reportDelivery makes the report include the counters of t, if t has counters.
func (w *telemetry) reportDelivery(t transport.Transport) {
	if s, ok := t.(interface{ Stats() delivery.Stats }); ok {
		w.delivery = s.Stats
	}
}

// end writes the report, the metrics and the summary of a run that ended with status. It
// returns the exit status, which is cli.IO or worse if one of them cannot be written.
func (w *telemetry) end(ctx context.Context, status int) int {
	r := &w.run
	r.Ended, r.Status, r.Interrupted = time.Now(), status, ctx.Err() != nil
	r.Sensor, r.Delivery = w.c.Sensor, w.delivery()
	if w.c.Report != "" {
		if err := r.WriteReport(w.c.Report); err != nil {
			w.log.Error("report_unwritable", "file", w.c.Report, "error", err, "hint", "correct --report")
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if w.metrics != nil {
		if err := r.WriteMetrics(w.metrics); err != nil {
			w.log.Error("metrics_unwritable", "file", w.c.Metrics, "error", err, "hint", "correct --metrics")
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if w.counted && !(w.c.Quiet && r.Status == cli.OK) {
		w.summary.Info("summary", r.Attrs()...)
	}
	return r.Status
}

// settings returns the options that the report of a run shows.
func (c *command) settings() report.Settings {
	s := report.Settings{
		Transport: c.Transport, Config: c.Config, ThresholdBytes: c.Threshold.bytes, Single: c.Single,
		Workers: c.Workers, Connections: c.Connections, Channels: c.Channels, Window: int(c.Window),
		Timestamps: c.Timestamps, UDPDuration: c.UDPDuration, MaxRate: c.MaxRate.bytes,
		Rejects: c.Rejects, Metrics: c.Metrics,
	}
	if c.Resend {
		s.Resend = c.Since.Format(time.RFC3339) + "/" + c.Until.Format(time.RFC3339)
	}
	if c.NoTransport {
		s.Transport, s.Config = "none", ""
	}
	return s
}
