package workers_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/workers"
)

// hourly writes directories that Tstat started from firstHour on, each with a log of
// more messages than a run queues, and returns their names.
func hourly(t *testing.T, root string, count int) (names []string) {
	t.Helper()
	for i := range count {
		g, err := loggen.New(loggen.Options{Seed: uint64(i)})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if _, err := g.TCP(&log, loggen.Rows(2500)); err != nil {
			t.Fatal(err)
		}
		names = append(names, loggen.DirName(firstHour.Add(time.Duration(i)*time.Hour)))
		writeLog(t, root, names[i], "log_tcp_complete", log.Bytes())
	}
	return names
}

var firstHour = time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local)

// hours returns the span between two hours of the first day.
func hours(since, until int) *workers.Span {
	return &workers.Span{Since: firstHour.Add(time.Duration(since) * time.Hour), Until: firstHour.Add(time.Duration(until) * time.Hour)}
}

// statesBelow returns the content, inode and times of each state file below root, by path.
func statesBelow(t *testing.T, root string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "*", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		files[path] = fmt.Sprint(string(text), st.Ino, st.Mtim, st.Ctim)
	}
	return files
}

// of returns how often each message of a directory was accepted, by id.
func (a *archive) of(dir string) map[string]int {
	times := make(map[string]int)
	for id, n := range a.times {
		if strings.Contains(id, "/"+dir+"/") {
			times[id] = n
		}
	}
	return times
}

// wantTimes checks that messages of the directory were accepted, each n times.
func (a *archive) wantTimes(t *testing.T, dir string, n int) {
	t.Helper()
	messages := a.of(dir)
	if len(messages) < 2 {
		t.Errorf("%s: %d messages, too few for this test", dir, len(messages))
	}
	for id, times := range messages {
		if times != n {
			t.Errorf("message %s came %d times, want %d", id, times, n)
		}
	}
}

// A resend sends the directories of the span with the same message ids as before, and does
// not change the state files.
func TestResendSpan(t *testing.T) {
	root := t.TempDir()
	names := hourly(t, root, 6)
	to := newArchive()
	run(t.Context(), t, root, to, nil)
	// One mark is the Python tool's, one is damaged, and one is missing.
	for name, text := range map[string]string{names[2]: "processed\n", names[3]: "{"} {
		if err := os.WriteFile(filepath.Join(root, name, ".processed"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(root, names[4], ".processed")); err != nil {
		t.Fatal(err)
	}
	before := statesBelow(t, root)
	outcome, n := run(t.Context(), t, root, to, func(o *workers.Options) { o.Resend = hours(1, 5) })
	if outcome != (workers.Outcome{}) {
		t.Errorf("outcome %+v", outcome)
	}
	for i, name := range names {
		times := 1
		if i >= 1 && i < 5 {
			times = 2
		}
		to.wantTimes(t, name, times)
	}
	if after := statesBelow(t, root); !maps.Equal(after, before) {
		t.Errorf("state files:\n%v\nwant\n%v", after, before)
	}
	if backlog, complete := n.Unsent.Backlog(); !complete || backlog.Directories != 0 {
		t.Errorf("backlog %+v, complete: %v", backlog, complete)
	}
}

// A resend that is stopped reports where to continue. Every directory before that was
// sent.
func TestResendStopped(t *testing.T) {
	for _, way := range []string{"interrupted", "refused"} {
		t.Run(way, func(t *testing.T) {
			root := t.TempDir()
			names := hourly(t, root, 8)
			to := newArchive()
			run(t.Context(), t, root, to, nil)
			before := statesBelow(t, root)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			to.refuse = func(id string) error {
				if !strings.Contains(id, names[4]) {
					return nil
				}
				if way == "refused" {
					return context.DeadlineExceeded
				}
				cancel()
				return nil
			}
			span := hours(1, 7)
			outcome, _ := run(ctx, t, root, to, func(o *workers.Options) { o.Resend, o.Workers, o.Publishers = span, 1, 1 })
			at := outcome.ResumeAt
			if !at.Equal(hours(4, 4).Since) {
				t.Fatalf("to go on at %v, outcome %+v", at, outcome)
			}
			for i, name := range names {
				if start := hours(i, i).Since; i > 0 && start.Before(at) {
					to.wantTimes(t, name, 2)
				}
			}
			to.refuse = nil
			outcome, _ = run(t.Context(), t, root, to, func(o *workers.Options) { o.Resend = &workers.Span{Since: at, Until: span.Until} })
			if outcome != (workers.Outcome{}) {
				t.Errorf("outcome %+v", outcome)
			}
			for _, name := range names[1:7] {
				for id, n := range to.of(name) {
					if n < 2 || n > 3 {
						t.Errorf("message %s came %d times", id, n)
					}
				}
			}
			to.wantTimes(t, names[0], 1)
			to.wantTimes(t, names[7], 1)
			if after := statesBelow(t, root); !maps.Equal(after, before) {
				t.Errorf("state files:\n%v\nwant\n%v", after, before)
			}
		})
	}
}

// A resend of a log that grew between two runs sends the same flows. The messages before the
// position at which the second run began keep their ids.
func TestResendGrown(t *testing.T) {
	root := t.TempDir()
	name := hourly(t, root, 1)[0]
	path := filepath.Join(root, name, "log_tcp_complete")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.LastIndexByte(log[:len(log)/2], '\n') + 1
	writeLog(t, root, name, "log_tcp_complete", log[:half])
	to := newArchive()
	run(t.Context(), t, root, to, nil)
	first := to.of(name)
	writeLog(t, root, name, "log_tcp_complete", log)
	run(t.Context(), t, root, to, nil)
	flows := to.flows(t)
	run(t.Context(), t, root, to, func(o *workers.Options) { o.Resend = hours(0, 1) })
	other := 0
	for id := range first {
		if to.times[id] != 2 {
			other++
		}
	}
	if other > 1 { // the last message of the first run has more flows now
		t.Errorf("%d of the %d messages of the first run did not come again", other, len(first))
	}
	for flow := range flows {
		flows[flow] *= 2
	}
	diff(t, to.flows(t), flows)
}

// ResumeAt counts a directory that cannot be read as finished.
func TestResendPastUnreadable(t *testing.T) {
	root := t.TempDir()
	names := hourly(t, root, 6)
	log := filepath.Join(root, names[0], "log_tcp_complete")
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(log, 0o755); err != nil { // no regular file
		t.Fatal(err)
	}
	to := newArchive()
	to.refuse = func(id string) error {
		if strings.Contains(id, names[3]) {
			return context.DeadlineExceeded
		}
		return nil
	}
	outcome, _ := run(t.Context(), t, root, to, func(o *workers.Options) { o.Resend, o.Workers, o.Publishers = hours(0, 6), 1, 1 })
	if want := hours(3, 3).Since; outcome.IOErrors != 1 || !outcome.ResumeAt.Equal(want) {
		t.Errorf("outcome %+v, want to go on at %v", outcome, want)
	}
}

// A resend names the parts of the span without a directory, and the directories without a
// time.
func TestResendMissing(t *testing.T) {
	root := t.TempDir()
	names := hourly(t, root, 6)
	if err := os.RemoveAll(filepath.Join(root, names[2])); err != nil {
		t.Fatal(err)
	}
	writeLog(t, root, "other.out", "log_tcp_complete", nil)
	var log bytes.Buffer
	entries := survey(t, root, &log, hours(1, 5))
	if want := []string{names[1], names[3], names[4]}; !slices.Equal(entries, want) {
		t.Errorf("directories %q, want %q", entries, want)
	}
	for _, want := range []string{
		"msg=directories_missing root=" + root + " from=2026-11-23T02:00 to=2026-11-23T03:00 ",
		"msg=directories_without_time root=" + root + " directories=1 ",
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("log without %q:\n%s", want, log.String())
		}
	}
	if n := strings.Count(log.String(), "directories_missing"); n != 1 {
		t.Errorf("%d gaps are named:\n%s", n, log.String())
	}
}

func survey(t *testing.T, root string, log *bytes.Buffer, span *workers.Span) (names []string) {
	t.Helper()
	r, err := logdir.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	entries, _, err := workers.Survey(t.Context(), workers.Options{
		Roots: []*logdir.Root{r}, Resend: span, Workers: 1,
		Log: slog.New(slog.NewTextHandler(log, nil)), Counters: new(report.Counters),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}
