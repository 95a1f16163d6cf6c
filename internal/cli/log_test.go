package cli

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestLogIsKeyValueWithAnEvent(t *testing.T) {
	f := func(format, want string) {
		t.Helper()
		var b bytes.Buffer
		log := NewLogger(&b, slog.LevelInfo, format)
		log.Debug("not shown")
		log.Info("summary", "directories", 3, slog.Group("g", "msg", "kept"))
		if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) || !strings.Contains(got, "time") {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	f("text", " level=INFO event=summary directories=3 g.msg=kept\n")
	f("json", `"level":"INFO","event":"summary","directories":3,"g":{"msg":"kept"}}`)
}

// journal returns a pipe with JOURNAL_STREAM set for it, as systemd does. read closes the
// pipe and returns what was written to it.
func journal(t *testing.T) (stream *os.File, read func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	info, err := w.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", stat.Dev, stat.Ino))
	return w, func() string {
		_ = w.Close()
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestJournalGetsPrioritiesAndNoTime(t *testing.T) {
	for format, want := range map[string]string{
		"text": "<7>level=DEBUG event=sent\n<6>level=INFO event=summary a=1\n<4>level=WARN event=odd g.b=2\n<3>level=ERROR event=bad\n",
		"json": `<7>{"level":"DEBUG","event":"sent"}` + "\n" + `<6>{"level":"INFO","event":"summary","a":1}` + "\n" +
			`<4>{"level":"WARN","event":"odd","g":{"b":2}}` + "\n" + `<3>{"level":"ERROR","event":"bad"}` + "\n",
	} {
		stream, read := journal(t)
		log := NewLogger(stream, slog.LevelDebug, format)
		log.Debug("sent")
		log.With("a", 1).Info("summary")
		log.WithGroup("g").Warn("odd", "b", 2)
		log.Error("bad")
		if got := read(); got != want {
			t.Errorf("%s:\n%swant\n%s", format, got, want)
		}
	}
}

// A program may inherit JOURNAL_STREAM although its standard error is not the journal.
func TestOtherStreamThanTheJournals(t *testing.T) {
	stream, read := journal(t)
	t.Setenv("JOURNAL_STREAM", "1:"+os.Getenv("JOURNAL_STREAM"))
	NewLogger(stream, slog.LevelInfo, "text").Info("summary")
	if got := read(); !strings.HasPrefix(got, "time=") {
		t.Error(got)
	}
}

func TestLevel(t *testing.T) {
	for want, got := range map[slog.Level]slog.Level{
		slog.LevelWarn: Level(false, false), slog.LevelInfo: Level(true, false), slog.LevelDebug: Level(true, true),
	} {
		if got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
