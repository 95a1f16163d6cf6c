package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
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

// The first signal ends the context. The second signal ends the process, which
// would otherwise wait forever.
func TestSecondSignal(t *testing.T) {
	if os.Getenv("CLI_TEST_CHILD") != "" {
		ctx := UntilSignal(t.Context())
		os.Stdout.WriteString("ready\n")
		<-ctx.Done()
		os.Stdout.WriteString("first\n")
		select {}
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondSignal$")
		child.Env = append(os.Environ(), "CLI_TEST_CHILD=1")
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for _, want := range []string{"ready\n", "first\n"} {
			if line, err := lines.ReadString('\n'); err != nil || line != want {
				t.Fatalf("%v: %q, %v; want %q", signal, line, err, want)
			}
			if err := child.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		if err := child.Wait(); child.ProcessState.ExitCode() != TempFail {
			t.Errorf("%v: ended with %v, not with %d", signal, err, TempFail)
		}
	}
}

// nohup starts a process with SIGHUP ignored.
func TestIgnoredHangupStaysIgnored(t *testing.T) {
	if os.Getenv("CLI_TEST_CHILD") != "" {
		ctx := UntilSignal(t.Context())
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, ignored, _ := strings.Cut(string(b), "SigIgn:\t")
		mask, err := strconv.ParseUint(strings.Fields(ignored)[0], 16, 64)
		if err != nil || mask&(1<<(syscall.SIGHUP-1)) == 0 || ctx.Err() != nil {
			t.Fatalf("ignored: %x, %v", mask, err)
		}
		return
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", `trap "" HUP; exec "$0" "$@"`,
		os.Args[0], "-test.run=^TestIgnoredHangupStaysIgnored$")
	child.Env = append(os.Environ(), "CLI_TEST_CHILD=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// An error in the configuration gets another status than one on the command line, and no
// reference to the flags.
func TestNotStarted(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("no root"):                  "64 p: no root\np: run p --help for a list of flags\n",
		ConfigError{Err: errors.New("line 3")}: "78 p: line 3\n",
	} {
		var out strings.Builder
		if status := NotStarted(&out, "p", err); fmt.Sprintf("%d %s", status, &out) != want {
			t.Errorf("%d %q, want %q", status, &out, want)
		}
	}
}
