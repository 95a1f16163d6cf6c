package cli

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestWorse(t *testing.T) {
	order := []int{OK, TempFail, IO, NoInput, NoPerm, Config, Usage, 99}
	for i, mild := range order {
		for _, severe := range order[i:] {
			if got := Worse(mild, severe); got != severe {
				t.Errorf("Worse(%d, %d) = %d", mild, severe, got)
			}
			if got := Worse(severe, mild); got != severe {
				t.Errorf("Worse(%d, %d) = %d", severe, mild, got)
			}
		}
	}
}

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

func TestVersionNamesTheBuild(t *testing.T) {
	if got := Version("v1.2.3", "abc", "2026-01-02"); !strings.HasPrefix(got, "v1.2.3 (commit abc, 2026-01-02, go1.") {
		t.Error(got)
	}
	if got := Version("", "", ""); strings.Contains(got, "(,") || strings.Contains(got, "  ") {
		t.Error(got)
	}
}

// A process that catches the first signal in an orderly way and would go on
// for ever dies of the second.
func TestSecondSignal(t *testing.T) {
	if os.Getenv("CLI_TEST_CHILD") != "" {
		ctx, stop := UntilSignal(t.Context())
		defer stop()
		os.Stdout.WriteString("ready\n")
		<-ctx.Done()
		os.Stdout.WriteString("first\n")
		select {}
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondSignal$")
	child.Env = append(os.Environ(), "CLI_TEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ready\n", "first\n"} {
		line := make([]byte, len(want))
		if _, err := out.Read(line); err != nil || string(line) != want {
			t.Fatalf("%q, %v; want %q", line, err, want)
		}
		if err := child.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Wait(); child.ProcessState.ExitCode() != TempFail {
		t.Errorf("ended with %v, not with %d", err, TempFail)
	}
}
