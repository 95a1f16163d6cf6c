package workers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
)

// newMessage starts a message of a log.
func (p *pipeline) newMessage(l *logWork) *outgoing {
	body := p.bodies.Get().(*[]byte)
	return &outgoing{log: l, Message: transport.Message{
		Body: (*body)[:0], Directory: l.dir.dir.Path(), Instance: p.instance(l.dir.dir.Root),
	}}
}

// publish is one publisher: one message after the other. A message whose
// directory has no state file on the disk yet waits until that stands.
func (p *pipeline) publish(ctx context.Context) {
	for m := range p.messages {
		err := ctx.Err()
		switch {
		case err != nil:
			err = context.Cause(ctx)
			p.transportFailed(err)
		case p.Mark:
			err = m.log.dir.begin(p)
		}
		if err == nil {
			failpoint.Hit("publishing")
			if err = p.send(ctx, &m.Message); err != nil {
				p.Log.Debug("message_not_confirmed", "message", m.ID, "error", err)
				p.transportFailed(err)
			}
		}
		p.settle(m, err)
	}
}

// send hands one message to the transport, in halves if it is too large.
func (p *pipeline) send(ctx context.Context, m *transport.Message) error {
	p.Counters.Published.Add(1)
	p.Counters.BodyBytes.Add(int64(len(m.Body)))
	began := time.Now()
	err := p.Transport.Send(ctx, m)
	p.Counters.Spend(report.Confirm, began)
	if err == nil {
		failpoint.Hit("confirmed")
		p.Counters.Confirmed.Add(1)
		if p.Log.Enabled(ctx, slog.LevelDebug) {
			p.Log.Debug("message_confirmed", "message", m.ID, "flows", m.Flows, "bytes", len(m.Body), "after", time.Since(began))
		}
		return nil
	}
	if transport.VerdictOf(err) == transport.TooLarge && m.Flows > 1 {
		p.Counters.Published.Add(-1)
		p.Log.Warn("message_split",
			"message", m.ID, "bytes", len(m.Body), "error", err)
		for i, half := range message.Halves(m.Body, m.Flows) {
			h := *m
			h.ID, h.Body, h.Flows = part(m.ID, i+1), half.Body, half.Flows
			if err := p.send(ctx, &h); err != nil {
				return err
			}
		}
		return nil
	}
	p.Counters.Failed.Add(1)
	return err
}

// transportFailed has the run take no more work: the transport has done its
// own retries.
func (p *pipeline) transportFailed(err error) {
	p.stop(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outcome.Transport == nil || transport.VerdictOf(err) > transport.VerdictOf(p.outcome.Transport) {
		p.outcome.Transport = err
	}
}

// finish is one marker: it writes the state files of directories of which
// nothing more is to come.
func (p *pipeline) finish(ctx context.Context) {
	for d := range p.finished {
		err := p.finishDir(ctx, d)
		vanished := err != nil && d.gone(err) || errors.Is(d.began, logdir.ErrVanished)
		switch {
		case vanished:
			p.Log.Info("directory_vanished", "directory", d.dir.Path())
		case err != nil:
			p.ioError("directory_not_marked", "directory", d.dir.Path(), err)
		}
		p.account(d, err, vanished)
		p.Log.Info("directory_finished", "directory", d.dir.Path(), "messages", d.messages, "marked", p.Mark && d.err == nil && err == nil)
		p.leave(d)
		d.close()
		<-p.slots
	}
}

func (p *pipeline) finishDir(ctx context.Context, d *dirWork) error {
	p.finishTransport(ctx, d)
	failpoint.Hit("settled")
	began := time.Now()
	err := d.write(p)
	p.Counters.Spend(report.Mark, began)
	if err != nil {
		return err
	}
	if d.err == nil && p.Mark {
		p.Counters.Marked.Add(1)
	}
	return nil
}

// account says what has become of a directory, err being that of its mark.
func (p *pipeline) account(d *dirWork, err error, vanished bool) {
	read, confirmed := d.bytes()
	unsent, path := &p.Counters.Unsent, d.dir.Path()
	switch {
	case vanished:
		unsent.Done(path, read)
	case err != nil:
		unsent.Stays(path, report.Failed, err, 0)
	case d.err != nil:
		state := report.Failed
		if errors.Is(d.err, errStopped) {
			state = report.Waiting
		}
		if !p.Mark {
			confirmed = 0
		}
		unsent.Stays(path, state, d.err, confirmed)
	case p.Mark:
		unsent.Done(path, read)
	}
}

// finishTransport has a transport that gathers messages complete those of a
// directory that is about to be marked. There may be none of this run: one
// before it may have ended between its last message and the mark.
func (p *pipeline) finishTransport(ctx context.Context, d *dirWork) {
	f, ok := p.Transport.(transport.Finisher)
	if !ok || d.err != nil {
		return
	}
	if err := f.Finish(ctx, p.instance(d.dir.Root), d.dir.Path()); err != nil {
		err = fmt.Errorf("finish %s: %w", d.dir.Path(), err)
		p.transportFailed(err)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fail(err)
	}
}

// tick keeps .processing up to date while directories are in work.
func (p *pipeline) tick(ctx context.Context) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, d := range p.inWork() {
			if !d.unfinished() {
				continue
			}
			if err := d.writeProgress(p); err != nil && !d.gone(err) {
				p.Log.Warn("progress_not_saved", "directory", d.dir.Path(), "error", err, "hint", logdir.WriteRemedy(err))
			}
		}
	}
}

func (p *pipeline) enter(d *dirWork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active[d] = struct{}{}
}

func (p *pipeline) leave(d *dirWork) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.active, d)
}

func (p *pipeline) inWork() []*dirWork {
	p.mu.Lock()
	defer p.mu.Unlock()
	dirs := make([]*dirWork, 0, len(p.active))
	for d := range p.active {
		dirs = append(dirs, d)
	}
	return dirs
}
