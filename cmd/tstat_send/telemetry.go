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
	t := &telemetry{
		c:        c,
		delivery: func() delivery.Stats { return delivery.Stats{} },
		run: report.Run{
			RunInfo:  report.RunInfo{Version: build.Version, Started: time.Now(), Events: new(report.Events)},
			Settings: c.settings(), Counters: new(report.Counters),
		},
	}
	for _, d := range c.Directory {
		t.run.Roots = append(t.run.Roots, report.Root{Path: d.Path, Instance: c.instanceOf(d)})
	}
	out := stderr
	// With --no-transport, messages on the same terminal would break up the bar.
	visible := report.IsTerminal(stderr) && !(c.NoTransport && report.IsTerminal(stdout))
	if c.Progress == "always" || c.Progress == "auto" && visible {
		t.progress = report.NewProgress(stderr)
		out = t.progress
	}
	if report.IsTerminal(stderr) {
		t.terminal = out
	}
	logger := cli.NewLogger(out, cli.Level(c.Verbose, c.Debug), c.LogFormat)
	t.log = slog.New(t.run.Events.Handler(logger.Handler()))
	t.summary = cli.NewLogger(out, slog.LevelInfo, c.LogFormat)
	if c.Metrics != "" {
		var err error
		if t.metrics, err = report.OpenMetrics(c.Metrics); err != nil {
			t.log.Warn("metrics_unreadable", "file", c.Metrics, "error", err)
		}
	}
	return t
}

// metricsInterval is how often a run writes its metrics.
const metricsInterval = 15 * time.Second

// follow shows the progress of the run, keeps its metrics up to date, and prints a notice
// when ctx ends. stop ends all of that.
func (t *telemetry) follow(ctx context.Context) (stop func()) {
	stopProgress := t.showProgress()
	stopMetrics := t.writeInterimMetrics()
	cancelNotice := t.announceStop(ctx)
	return func() {
		cancelNotice()
		stopProgress()
		stopMetrics()
	}
}

// writeInterimMetrics writes the metrics at once and then every metricsInterval, until stop
// is called. It logs only the first failure. The method end writes the metrics again and logs
// its own failure.
func (t *telemetry) writeInterimMetrics() (stop func()) {
	if t.metrics == nil {
		return func() {}
	}
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		ticker := time.NewTicker(metricsInterval)
		defer ticker.Stop()
		logged := false
		for {
			r := t.run
			r.Sensor, r.Delivery = t.c.Sensor, t.delivery()
			if err := r.WriteInterimMetrics(t.metrics, time.Now()); err != nil && !logged {
				t.log.Warn("metrics_not_written", "file", t.c.Metrics, "error", err, "hint", "correct --metrics; the run continues, and tries again")
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

// announceStop prints to the terminal, when ctx ends, how many messages the program still
// waits for. cancel prevents that.
func (t *telemetry) announceStop(ctx context.Context) (cancel func() bool) {
	if t.terminal == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() {
		n := t.run.Counters
		waiting := n.Published.Load() - n.Confirmed.Load() - n.Failed.Load()
		if waiting > 0 {
			fmt.Fprintf(t.terminal, "tstat_send: stopping, waiting for %d messages (at most %v); press Ctrl-C again to end at once\n", waiting, grace)
		} else {
			fmt.Fprintln(t.terminal, "tstat_send: stopping")
		}
	})
}

// showProgress shows the progress of the run until stop is called, if the flags ask for it.
func (t *telemetry) showProgress() (stop func()) {
	if t.progress == nil {
		return func() {}
	}
	return t.progress.Show(t.run.Counters)
}

// reportDelivery makes the report include the counters of a transport that has counters.
func (t *telemetry) reportDelivery(of transport.Transport) {
	if s, ok := of.(interface{ Stats() delivery.Stats }); ok {
		t.delivery = s.Stats
	}
}

// end writes the report, the metrics and the summary of a run that ended with status. It
// returns the exit status, which is cli.IO or worse if the report or the metrics cannot be
// written.
func (t *telemetry) end(ctx context.Context, status int) int {
	r := &t.run
	r.Ended, r.Status, r.Interrupted = time.Now(), status, ctx.Err() != nil
	r.Sensor, r.Delivery = t.c.Sensor, t.delivery()
	if t.c.Report != "" {
		if err := r.WriteReport(t.c.Report); err != nil {
			t.log.Error("report_unwritable", "file", t.c.Report, "error", err, "hint", "correct --report")
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if t.metrics != nil {
		if err := r.WriteMetrics(t.metrics); err != nil {
			t.log.Error("metrics_unwritable", "file", t.c.Metrics, "error", err, "hint", "correct --metrics")
			r.Status = cli.Worse(r.Status, cli.IO)
		}
	}
	if t.counted && !(t.c.Quiet && r.Status == cli.OK) {
		t.summary.Info("summary", r.Attrs()...)
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
		s.Resend = c.Since.Format(time.RFC3339Nano) + "/" + c.Until.Format(time.RFC3339Nano)
	}
	if c.NoTransport {
		s.Transport, s.Config = "none", ""
	}
	return s
}
