package report

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxEvents is the number of errors, and of warnings, that a report holds in full.
const maxEvents = 100

// Event is a record of the log.
type Event struct {
	Time    time.Time         `json:"time"`
	Event   string            `json:"event"`
	Details map[string]string `json:"details,omitempty"`
}

// Events counts the warnings and errors that are logged, and keeps the first maxEvents
// of each.
type Events struct {
	mu               sync.Mutex
	errors, warnings eventList
}

type eventList struct {
	Count int     `json:"count"`
	First []Event `json:"first"` // at most maxEvents
}

func (l *eventList) add(e Event) {
	l.Count++
	if len(l.First) < maxEvents {
		l.First = append(l.First, e)
	}
}

// Handler returns a handler that records warnings and errors, and passes on to next the
// records for which next is enabled.
func (e *Events) Handler(next slog.Handler) slog.Handler {
	return &recordingHandler{Handler: next, events: e}
}

type recordingHandler struct {
	slog.Handler
	events *Events
	attrs  []slog.Attr
	prefix string
}

// Enabled implements slog.Handler.
func (h *recordingHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *recordingHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		e := Event{Time: r.Time, Event: r.Message, Details: make(map[string]string)}
		for _, a := range h.attrs {
			e.Details[a.Key] = a.Value.Resolve().String()
		}
		r.Attrs(func(a slog.Attr) bool {
			e.Details[h.prefix+a.Key] = a.Value.Resolve().String()
			return true
		})
		h.events.mu.Lock()
		if r.Level >= slog.LevelError {
			h.events.errors.add(e)
		} else {
			h.events.warnings.add(e)
		}
		h.events.mu.Unlock()
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *recordingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	m := *h
	m.Handler, m.attrs = h.Handler.WithAttrs(attrs), slices.Clone(h.attrs)
	for _, a := range attrs {
		m.attrs = append(m.attrs, slog.Attr{Key: h.prefix + a.Key, Value: a.Value})
	}
	return &m
}

// WithGroup implements slog.Handler.
func (h *recordingHandler) WithGroup(name string) slog.Handler {
	m := *h
	m.Handler, m.prefix = h.Handler.WithGroup(name), h.prefix+name+"."
	return &m
}

func (e *Events) lists() (errors, warnings eventList) {
	e.mu.Lock()
	defer e.mu.Unlock()
	copied := func(l eventList) eventList { return eventList{l.Count, append([]Event{}, l.First...)} }
	return copied(e.errors), copied(e.warnings)
}
