package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// Level returns the level of the log for --verbose and --debug: WARN without either.
func Level(verbose, debug bool) slog.Level {
	switch {
	case debug:
		return slog.LevelDebug
	case verbose:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// NewLogger returns a logger of key=value lines, or of JSON if format is json.
// Each line has a time, a level and the event's name. If w is the stream of
// systemd's journal, a line starts with its priority as <N> and has no time: the
// journal adds one.
func NewLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	if isJournal(w) {
		h := new(journalHandler)
		for i := range h.handlers {
			h.handlers[i] = newHandler(priorityWriter{w, priorities[i]}, level, format, true)
		}
		return slog.New(h)
	}
	return slog.New(newHandler(w, level, format, false))
}

func newHandler(w io.Writer, level slog.Leveler, format string, journal bool) slog.Handler {
	options := &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			switch {
			case len(groups) > 0:
			case a.Key == slog.MessageKey:
				a.Key = "event"
			case a.Key == slog.TimeKey && journal:
				return slog.Attr{}
			}
			return a
		},
	}
	if format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// isJournal reports whether w is the stream that systemd connected to its
// journal: systemd.exec(5) says that JOURNAL_STREAM then holds the device and
// inode of w.
func isJournal(w io.Writer) bool {
	stream := os.Getenv("JOURNAL_STREAM")
	file, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	var stat unix.Stat_t
	return unix.Fstat(int(file.Fd()), &stat) == nil && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// priorities are the syslog priorities of DEBUG, INFO, WARN and ERROR.
var priorities = [...]string{"<7>", "<6>", "<4>", "<3>"}

// journalHandler has one handler for each priority.
type journalHandler struct{ handlers [len(priorities)]slog.Handler }

// of returns the handler for a level.
func (h *journalHandler) of(level slog.Level) slog.Handler {
	switch {
	case level >= slog.LevelError:
		return h.handlers[3]
	case level >= slog.LevelWarn:
		return h.handlers[2]
	case level >= slog.LevelInfo:
		return h.handlers[1]
	}
	return h.handlers[0]
}

// Enabled implements slog.Handler.
func (h *journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h *journalHandler) each(change func(slog.Handler) slog.Handler) *journalHandler {
	changed := new(journalHandler)
	for i, one := range h.handlers {
		changed.handlers[i] = change(one)
	}
	return changed
}

// priorityWriter writes each line with its priority in front, in one Write.
type priorityWriter struct {
	w        io.Writer
	priority string
}

func (p priorityWriter) Write(line []byte) (int, error) {
	n, err := p.w.Write(append([]byte(p.priority), line...))
	return max(0, n-len(p.priority)), err
}
