package cron

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// once runs tstat_mail_once with a command that logs "log STATUS" and exits with the status.
// It returns the text that cron would mail.
func once(t *testing.T, state string, status int) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./tstat_mail_once", state, "sh", "-c", "echo log $0 >&2; exit $0", strconv.Itoa(status))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("status %d, want %d", got, status)
	}
	return out.String()
}

func TestFailureIsMailedOnce(t *testing.T) {
	state := filepath.Join(t.TempDir(), "status")
	for i, step := range []struct {
		status int
		mailed bool
	}{
		{0, false}, {78, true}, {78, false}, {78, false}, {77, true}, {0, false}, {78, true},
		{75, false}, {75, false}, {0, false}, // the broker restarts
		{75, false}, {75, false}, {75, false}, {75, false}, {75, false}, {75, true}, {75, false}, {75, false},
	} {
		got := once(t, state, step.status)
		if mailed := got != ""; mailed != step.mailed || mailed && !strings.HasPrefix(got, "log "+strconv.Itoa(step.status)+"\n") {
			t.Errorf("run %d, status %d: %q", i, step.status, got)
		}
	}
}

// If the last status cannot be stored, every failure is mailed.
func TestStateThatCannotBeWritten(t *testing.T) {
	state := filepath.Join(t.TempDir(), "status")
	once(t, state, 78)
	if err := os.Mkdir(state+".new", 0o755); err != nil { // tstat_mail_once writes a file of this name
		t.Fatal(err)
	}
	for _, status := range []int{78, 75} {
		got := once(t, state, status)
		if !strings.Contains(got, "log "+strconv.Itoa(status)+"\n") || !strings.Contains(got, "cannot be written") || strings.Contains(got, "No mail follows") {
			t.Errorf("status %d: %q", status, got)
		}
	}
}

// A damaged state counts as none. The exit status is that of the command.
func TestDamagedState(t *testing.T) {
	state := filepath.Join(t.TempDir(), "status")
	for _, text := range []string{"", "\x00\x00\x00", "78", "78 \n", "78 x\n", "78 08\n", "78 2 3\n", "no state"} {
		if err := os.WriteFile(state, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := once(t, state, 78); !strings.HasPrefix(got, "log 78\n") {
			t.Errorf("state %q: %q", text, got)
		}
	}
}

// The crontab lines in the documentation have the form of those that are installed.
func TestCrontabLines(t *testing.T) {
	const mailOnce = " tstat_mail_once /var/lib/tstat-transport/"
	for name, want := range map[string]struct {
		path  bool   // a line PATH=... stands above
		words string // in each line
	}{
		"tstat-transport":                      {true, mailOnce},
		"../../README.md":                      {true, mailOnce},
		"../../docs/migration.md":              {true, " tstat_send "},
		"../../packaging/man/tstat_cull.1.end": {false, " /usr/bin/tstat_cull "},
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines, path := 0, false
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			path = path || line == "PATH=/usr/local/bin:/usr/bin:/bin"
			if !strings.HasPrefix(line, "*/10 * * * *") && !strings.HasPrefix(line, "30 * * * *") {
				continue
			}
			lines++
			if strings.Contains(strings.ReplaceAll(line, `\e%`, ""), "%") {
				t.Errorf("%s: cron takes %% for the end of the line: %s", name, line)
			}
			quiet := strings.Contains(strings.ReplaceAll(line, `\-`, "-"), " -q ")
			if path != want.path || !strings.Contains(line, want.words) || !quiet {
				t.Errorf("%s: %s", name, line)
			}
		}
		if lines == 0 {
			t.Errorf("%s has no crontab", name)
		}
	}
}
