package workers

import (
	"slices"
	"time"

	"tstat-transport/internal/logdir"
)

// Span is a span of time from Since, inclusive, to Until, exclusive.
type Span struct{ Since, Until time.Time }

// contains reports whether t lies in the span.
func (s Span) contains(t time.Time) bool { return !t.Before(s.Since) && t.Before(s.Until) }

// inSpan selects from found, the directories of a root, those that Tstat started in the
// span of the resend. It also returns the start times of all directories that have one in
// their name, in the order of found. It reuses the array of found.
func (p *pipeline) inSpan(root *logdir.Root, found []logdir.Entry) (starts []time.Time, selected []logdir.Entry) {
	selected = found[:0]
	undated := 0
	for _, e := range found {
		start, ok := logdir.Start(e.Name)
		switch {
		case !ok:
			undated++
			continue
		case p.Resend.contains(start):
			selected = append(selected, e)
		}
		starts = append(starts, start)
	}
	if undated > 0 {
		p.Log.Warn("directories_without_time", "root", root.Path, "directories", undated,
			"hint", "the names of these directories contain no time, so the directories are not sent again")
	}
	return starts, selected
}

// logMissing logs, in local time, the parts of the span of the resend without a directory.
// starts are the start times of all directories of the root, in order.
func (p *pipeline) logMissing(root *logdir.Root, starts []time.Time) {
	span := *p.Resend
	if now := time.Now(); now.Before(span.Until) {
		span.Until = now
	}
	const minutes = "2006-01-02T15:04"
	for _, gap := range span.missing(starts) {
		p.Log.Warn("directories_missing", "root", root.Path, "from", gap.Since.Local().Format(minutes), "to", gap.Until.Local().Format(minutes),
			"hint", "tstat_cull or Tstat has deleted them, or Tstat did not run")
	}
}

// missing returns the parts of the span without a directory. starts are the start times
// of all directories of a root, in order. Tstat starts directories at a fixed interval.
// If one directory is missing, the distance between its neighbours is two intervals, so
// a distance of more than one and a half intervals counts as a gap.
func (s Span) missing(starts []time.Time) (gaps []Span) {
	if !s.Since.Before(s.Until) {
		return nil
	}
	starts = slices.CompactFunc(slices.Clone(starts), time.Time.Equal)
	usual := interval(starts)
	first, _ := slices.BinarySearchFunc(starts, s.Since, time.Time.Compare)
	end, _ := slices.BinarySearchFunc(starts, s.Until, time.Time.Compare)
	before, next := s.Since.Add(-usual), s.Until
	if first > 0 {
		before = starts[first-1]
	}
	if end < len(starts) {
		next = starts[end]
	}
	for _, start := range append(starts[first:end:end], next) {
		gap := Span{before.Add(usual), start}
		if gap.Since.Before(s.Since) {
			gap.Since = s.Since
		}
		if s.Until.Before(gap.Until) {
			gap.Until = s.Until
		}
		if start.Sub(before) > usual*3/2 && gap.Since.Before(gap.Until) {
			gaps = append(gaps, gap)
		}
		before = start
	}
	return gaps
}

// interval returns the usual distance between directories: the median, or Tstat's
// default of an hour if there are too few directories to tell.
func interval(starts []time.Time) time.Duration {
	if len(starts) < 4 {
		return time.Hour
	}
	distances := make([]time.Duration, len(starts)-1)
	for i := range distances {
		distances[i] = starts[i+1].Sub(starts[i])
	}
	slices.Sort(distances)
	return distances[len(distances)/2]
}

// firstUnsent returns the start of the first of entries that the resend has not
// finished; the zero time if there is none.
func (p *pipeline) firstUnsent(entries []logdir.Entry) time.Time {
	lost := p.journal.lost != nil // the lost messages may be of any directory
	for i, e := range entries {
		if lost || !p.resent[i] {
			start, _ := logdir.Start(e.Name)
			return start
		}
	}
	return time.Time{}
}

// recordResent records that a resend has finished a directory: the directory is confirmed,
// has vanished, or has an error of its own that has been logged. Any other run records
// nothing.
func (p *pipeline) recordResent(order int) {
	if p.Resend == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resent[order] = true
}
