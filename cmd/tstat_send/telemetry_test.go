package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-json"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/test/pty"
)

// onTerminal runs tstat_send on a terminal and returns the terminal's output.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	screen, terminal := pty.Open(t, 100)
	cmd := exec.CommandContext(t.Context(), "tstat_send", args...)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Stdout, cmd.Stderr = terminal, terminal
	var shown bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&shown, screen) }) // ends with EIO when the terminal is closed
	runErr := cmd.Run()
	terminal.Close()
	reading.Wait()
	if runErr != nil {
		t.Fatalf("%v: %s", runErr, &shown)
	}
	return shown.String()
}

// bigRoot returns a root that takes at least a second to send at the rate of the tests.
func bigRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for i := range 2 {
		if err := os.CopyFS(filepath.Join(root, fmt.Sprint(i)), os.DirFS("../../testdata/corpus/rotation")); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// toFiles returns the arguments of a run that sends bigRoot to files.
func toFiles(t *testing.T) []string {
	t.Helper()
	out, config := t.TempDir(), filepath.Join(t.TempDir(), "config.ini")
	if err := os.WriteFile(config, []byte("[file]\npath = "+out+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-d", bigRoot(t), "-c", config, "-t", "file", "-T", "0", "-S", "s"}
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	args := append(toFiles(t), "--max-rate", "4M")
	began := time.Now()
	shown := onTerminal(t, args...)
	for _, want := range []string{" rows, ", " flows ", "%", "/2.1 MB", "B/s", "\033[2K\r", "event=summary"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown within %v:\n%q", want, time.Since(began), shown)
		}
	}
	// The bar has been erased, and the summary is on the last line.
	if last := shown[strings.LastIndex(shown, "\033[2K\r"):]; !regexp.MustCompile(`^\x1b\[2K\rtime=[^\r\n]*status=0\r\n$`).MatchString(last) {
		t.Errorf("the last line is %q", last)
	}

	for _, more := range [][]string{{"--progress", "never"}, {"-N"}} {
		args := append(toFiles(t), "--max-rate", "4M")
		shown := onTerminal(t, append(args, more...)...)
		if strings.Contains(shown, "rows, ") || !strings.Contains(shown, " flows=8048 ") {
			t.Errorf("%v: progress is shown, or not all rows are sent:\n%q", more, shown[max(0, len(shown)-1000):])
		}
	}
}

// A run continues if the process that reads its log has ended.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	reader, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(t.Context(), "tstat_send", append(toFiles(t), "-v", "--report", report)...)
	cmd.Stderr = log
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"marked": 4,`)) {
		t.Errorf("%s", text)
	}
}

// The report of a run that was stopped says so, and how much is not sent. --status does not
// show the directories of that run as failed.
func TestReportOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.json")
	args := append(toFiles(t), "--max-rate", "1M", "--channels", "1", "--window", "1", "--report", report, "-D")
	cmd := exec.CommandContext(t.Context(), "tstat_send", args...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	stopped := false
	for lines.Scan() {
		if !stopped && strings.Contains(lines.Text(), "message_confirmed") {
			stopped = true
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != cli.TempFail {
		t.Fatal(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Interrupted bool
		Status      int
		Counts      struct{ Rows, Confirmed, Bytes int }
		Unsent      struct {
			Directories  int
			BacklogBytes int `json:"backlog_bytes"`
			First        []struct{ State, Reason string }
		}
	}
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	const all = 2 * (772546 + 256753) // bytes of the logs of bigRoot
	if !a.Interrupted || a.Status != cli.TempFail || a.Counts.Confirmed == 0 ||
		a.Unsent.Directories == 0 || a.Unsent.BacklogBytes == 0 || a.Unsent.BacklogBytes >= all ||
		a.Unsent.First[0].State != "waiting" {
		t.Errorf("%s", text)
	}
	// The signal may come between two directories or within one.
	if reason := a.Unsent.First[0].Reason; reason != "" && reason != "the run stopped before all of it was sent" {
		t.Errorf("reason %q", reason)
	}
	table, err := exec.CommandContext(t.Context(), "tstat_send", append(args, "--status")...).Output()
	if err != nil || !bytes.Contains(table, []byte("directories pending")) || bytes.Contains(table, []byte(" failed ")) {
		t.Errorf("%v:\n%s", err, table)
	}
}

// Metrics that cannot be written during a run are logged once.
func TestMetricsThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &command{Metrics: filepath.Join(t.TempDir(), "none", "m.prom"), Sensor: "s", LogFormat: "text", Progress: "never"}
		var log bytes.Buffer
		stop := c.newTelemetry(io.Discard, &log).writeInterimMetrics()
		time.Sleep(4 * metricsInterval) //nolint:forbidigo // the clock of the bubble, so nobody waits
		stop()
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "level=WARN event=metrics_not_written file="+c.Metrics) {
			t.Errorf("%d lines:\n%s", lines, &log)
		}
	})
}
