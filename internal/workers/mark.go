package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// checkpointInterval is how often .processing is written while a directory is in
// work.
const checkpointInterval = 2 * time.Second

// markWorker runs one marker: it finishes each directory whose last hold has been
// released. If the transport cannot finish a directory, markWorker stops the run and
// still finishes the remaining directories. It returns the first error.
func (p *pipeline) markWorker(stop stops) error {
	var first error
	for d := range p.finished {
		if err := p.finishDirectory(stop.hard, d); err != nil {
			stop.trigger()
			first = cmp.Or(first, err)
		}
	}
	return first
}

// finishDirectory writes the directory's state file and unlocks the directory.
// The error is the transport's.
func (p *pipeline) finishDirectory(ctx context.Context, d *dirWork) error {
	finishErr := p.finishTransport(ctx, d)
	if finishErr != nil {
		d.failTransport(finishErr)
	}
	failpoint.Hit("settled")
	began := time.Now()
	saveErr := d.saveEnd()
	p.Counters.Spend(report.Mark, began)
	vanished := errors.Is(saveErr, logdir.ErrVanished) || errors.Is(d.states.beginErr, logdir.ErrVanished)
	switch {
	case vanished:
		p.Log.Info("directory_vanished", "directory", d.disk.Path())
	case saveErr != nil:
		p.stateError("directory_not_marked", d.disk.Path(), saveErr)
	}
	marked := p.Mark && saveErr == nil && d.failure() == nil
	if marked {
		p.Counters.Marked.Add(1)
		if e := d.states.journaled; e != nil {
			e.marked = true
		}
	}
	p.recordDirectory(d, saveErr, vanished)
	if !d.unconfirmed() {
		p.recordResent(d.order)
	}
	p.Log.Info("directory_finished", "directory", d.disk.Path(), "messages", d.ledger.messages, "marked", marked)
	d.close()
	p.leave(d)
	return finishErr
}

// finishTransport tells a transport.Finisher that all messages of the directory are
// accepted, even if this run has sent none of them: an earlier run may have ended
// between its last message and the mark. A log that cannot be read does not hold
// Finish back: nobody knows whether that log will ever be mended.
func (p *pipeline) finishTransport(ctx context.Context, d *dirWork) error {
	f, ok := p.Transport.(transport.Finisher)
	if !ok || d.unconfirmed() {
		return nil
	}
	// If the run dies in Finish, the next run does not send the messages again.
	_ = d.saveProgress() // if that fails, saveEnd tries again and reports the error
	if err := f.Finish(ctx, p.instance(d.disk.Root), d.disk.Path()); err != nil {
		return fmt.Errorf("finish %s: %w", d.disk.Path(), err)
	}
	return nil
}

// recordDirectory records a directory's outcome in the counters. saveErr is the
// error of writing its state file.
func (p *pipeline) recordDirectory(d *dirWork, saveErr error, vanished bool) {
	read, confirmed := d.bytes()
	unsent, path, failed := &p.Counters.Unsent, d.disk.Path(), d.failure()
	switch {
	case vanished:
		unsent.Done(path, read)
	case saveErr != nil:
		unsent.NotMarked(path, report.Failed, saveErr, 0)
	case failed != nil:
		state := report.Failed
		if errors.Is(failed, errStopped) {
			state = report.Waiting
		}
		if !p.Mark { // the next run sends everything again
			confirmed = 0
		}
		unsent.NotMarked(path, state, failed, confirmed)
	case p.Mark || p.Resend != nil:
		unsent.Done(path, read)
	}
}

// checkpointLoop keeps .processing up to date while directories are in work,
// until ctx ends.
func (p *pipeline) checkpointLoop(ctx context.Context) {
	t := time.NewTicker(checkpointInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, d := range p.directories() {
			if !d.hasUnsaved() {
				continue
			}
			if err := d.saveProgress(); err != nil && !errors.Is(err, logdir.ErrVanished) {
				p.Log.Warn("progress_not_saved", "directory", d.disk.Path(), "error", err, "hint", logdir.WriteRemedy(err))
			}
		}
	}
}
