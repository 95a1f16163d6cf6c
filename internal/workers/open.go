package workers

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/privacy"
)

// open opens a directory and returns its logs that have something new. If the
// directory has nothing new or cannot be opened, open records that and returns no
// logs.
func (p *pipeline) open(ctx context.Context, order int, entry *logdir.Entry) []*logWork {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	d, err := p.openDirectory(ctx, order, entry)
	if err != nil {
		p.directoryError(entry.Path(), err)
	}
	if d == nil {
		if ctx.Err() == nil {
			p.recordResent(order)
		}
		if err == nil { // no log, or the mark of the Python tool
			p.Counters.Unsent.Done(entry.Path(), 0)
		}
		<-p.slots
		return nil
	}
	p.Counters.Directories.Add(1)
	p.Counters.Logs.Add(int64(len(d.logs)))
	p.enter(d)
	d.releaseHold() // the hold of newDirWork; without logs, this finishes the directory
	return d.logs
}

// openDirectory opens and locks a directory. It returns nil if there is nothing
// to do.
func (p *pipeline) openDirectory(ctx context.Context, order int, entry *logdir.Entry) (*dirWork, error) {
	dir, err := logdir.Open(*entry)
	if err != nil {
		return nil, err
	}
	d := newDirWork(p, dir, order, entry)
	pending, err := p.openLogs(ctx, d)
	if err != nil {
		for _, l := range d.logs {
			_ = l.reader.close()
		}
		_ = dir.Close()
		return nil, err
	}
	if !pending {
		return nil, dir.Close()
	}
	nested, err := dir.Nested(ctx) // an error for each subdirectory with logs: they are not sent
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("directory_not_entered", "directory", dir.Path(), "error", err)
	}
	for _, err := range nested {
		p.Log.Warn("directory_not_entered", "directory", dir.Path(), "error", err)
	}
	return d, nil
}

// openLogs reads the state files and opens the logs that have something new. pending is
// false if there is nothing to do: the directory has no log, or the mark is the Python
// tool's.
func (p *pipeline) openLogs(ctx context.Context, d *dirWork) (pending bool, err error) {
	mark, err := d.disk.ReadProcessed()
	if err != nil || mark.Kind == logdir.Foreign && p.Resend == nil {
		return false, err
	}
	if mark.Damaged != nil {
		p.Log.Warn("mark_damaged", "directory", d.disk.Path(), "error", mark.Damaged)
	}
	d.marked = mark
	if d.unfinished, err = d.disk.ReadProcessing(); err != nil {
		p.Log.Warn("progress_unusable", "directory", d.disk.Path(), "error", err, "hint", "messages that the file counted as confirmed may be sent again")
	}
	p.warnOfPrivacy(d)
	opened := map[fastparse.Protocol]bool{}
	for range 2 {
		logs, err := d.disk.Logs(ctx, d.marked.State, d.unfinished)
		if err == nil && len(logs) == 0 && len(opened) == 0 {
			return false, nil
		}
		if err != nil { // logs may lack some logs; a later run may be able to read them
			p.logError(ctx, d, err)
			maps.Copy(d.unchanged, d.unfinished.Logs)
		}
		logs = slices.DeleteFunc(logs, func(log logdir.Log) bool { return opened[log.Protocol] })
		if p.openListed(ctx, d, logs, opened) {
			break
		}
		// A log was deleted or replaced by its .gz meanwhile: list the logs once more.
	}
	return true, nil
}

// warnOfPrivacy logs, once in a run, that a part of a directory was sent with its
// addresses replaced in another way, or not replaced.
func (p *pipeline) warnOfPrivacy(d *dirWork) {
	before, now := d.marked.State, p.Settings.Privacy.String()
	if before.Tool == "" { // there is no mark
		before = d.unfinished
	}
	if before.Tool == "" || before.Privacy == now {
		return
	}
	p.privacyWarning.Do(func() {
		p.Log.Warn("privacy_changed", "directory", d.disk.Path(),
			"before", cmp.Or(before.Privacy, string(privacy.None)), "now", cmp.Or(now, string(privacy.None)),
			"hint", "what was sent before stays in the archive as it is")
	})
}

// openListed opens logs. It adds the protocols of those that are still there to opened, and
// reports whether all are.
func (p *pipeline) openListed(ctx context.Context, d *dirWork, logs []logdir.Log, opened map[fastparse.Protocol]bool) bool {
	allThere := true
	for _, log := range logs {
		err := p.openLog(ctx, d, log)
		if errors.Is(err, fs.ErrNotExist) {
			allThere = false
			continue
		}
		opened[log.Protocol] = true
		if err != nil {
			p.logError(ctx, d, err)
			if state, ok := d.unfinished.Logs[log.Name]; ok { // a later run may be able to read the log
				d.unchanged[log.Name] = state
			}
		}
	}
	return allThere
}

// logError records that a log of a directory cannot be read.
func (p *pipeline) logError(ctx context.Context, d *dirWork, err error) {
	if ctx.Err() != nil {
		err = errStopped
	} else {
		p.readError("log_unreadable", "directory", d.disk.Path(), err)
	}
	d.fail(err)
}

// openLog opens a log, and adds it to the directory's logs if it has something
// new.
func (p *pipeline) openLog(ctx context.Context, d *dirWork, log logdir.Log) error {
	file, st, err := d.disk.OpenLog(log)
	if err != nil {
		return err
	}
	from, change := logdir.LogState{}, logdir.New
	if p.Resend == nil {
		from, change, err = d.disk.Resume(ctx, log, file, st, d.marked, d.unfinished)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	switch change {
	case logdir.Unchanged:
		from.SetFile(log, st)
		d.unchanged[log.Name] = from
		return file.Close()
	case logdir.Replaced:
		p.Log.Warn("log_replaced", "file", file.Name(), "hint", "the file is shorter than when it was last read, or holds another log: it is sent from its start")
	}
	open := logFile{File: file, log: log, stat: st, layouts: &p.layouts}
	reader, err := openLogReader(ctx, open, from)
	if from.Position > 0 && isOtherLog(err) {
		p.Log.Warn("log_not_resumed", "file", file.Name(), "error", err, "hint", "the log is sent from its start, including the rows sent before")
		from = logdir.LogState{}
		reader, err = openLogReader(ctx, open, from)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	d.addLog(&logWork{dir: d, log: log, stat: st, path: file.Name(), earlier: from, reader: reader,
		padded: log.Gzip && logdir.EndsWithZeros(file, st.Size)})
	return nil
}
