package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStuck: Wait ends a program that does not end by itself, even if the program is stopped, and
// returns the stacks of its goroutines. The program is this test again.
func TestStuck(t *testing.T) {
	const waits = "waits for an hour"
	if os.Getenv("TESTKIT_STUCK") != "" {
		fmt.Println(waits)
		Pause(t.Context(), time.Hour)
		return
	}
	for _, stopped := range []bool{false, true} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestStuck$")
		cmd.Env = append(cmd.Environ(), "TESTKIT_STUCK=1")
		p := Start(t, cmd)
		Await(t, "the program to begin", func() bool { return strings.Contains(p.Out.String(), waits) })
		if stopped {
			p.Signal(syscall.SIGSTOP)
		}
		p.began = p.began.Add(-Patience) // so that Wait does not wait for the end
		if e := p.Wait(); !e.Stuck || !strings.Contains(e.Log, "testkit.Pause") {
			t.Errorf("stopped %v: %+v, want a stuck program and its stacks", stopped, e)
		}
	}
}
