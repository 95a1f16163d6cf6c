package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal 100 columns wide: what is written to
// the one can be read from the other.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 100}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, terminal
}

// onTerminal runs tstat_send on a terminal and returns what it shows.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	screen, terminal := openTerminal(t)
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

// bigRoot makes a root that takes at least a second to be sent at the rate that
// the tests give.
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

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	root := bigRoot(t)
	out := filepath.Join(t.TempDir(), "out")
	config := filepath.Join(t.TempDir(), "config.ini")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("[file]\npath = "+out+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-d", root, "-c", config, "-t", "file", "-T", "0", "-S", "s", "--max-rate", "4M"}
	began := time.Now()
	shown := onTerminal(t, args...)
	for _, want := range []string{" rows, ", " flows ", "%", "/2.1 MB", "B/s", "\033[2K\r", "event=summary"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown within %v:\n%q", want, time.Since(began), shown)
		}
	}
	// The summary stands alone on the last line, the bar is gone.
	if last := shown[strings.LastIndex(shown, "\033[2K\r"):]; !regexp.MustCompile(`^\x1b\[2K\rtime=[^\r\n]*status=0\r\n$`).MatchString(last) {
		t.Errorf("the last line is %q", last)
	}

	for _, more := range [][]string{{"--progress", "never"}, {"-N"}} {
		if shown := onTerminal(t, append(args, more...)...); strings.Contains(shown, "rows, ") {
			t.Errorf("%v: progress is shown:\n%q", more, shown)
		}
	}
}
