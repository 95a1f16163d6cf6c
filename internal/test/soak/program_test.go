package soak

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// start starts one of the programs.
func start(t testing.TB, name string, args ...string) *testkit.Program {
	t.Helper()
	return testkit.Start(t, exec.Command(testkit.Binary(t, name, ""), args...))
}

// ending is how a program ended.
type ending struct{ testkit.Ending }

func wait(p *testkit.Program) ending { return ending{p.Wait()} }

// early says that SIGTERM came before the program had begun to listen for it.
func (e ending) early() bool { return e.Signal == syscall.SIGTERM && e.Log == "" }

// locked says that the culler, or another run, had locked what was to be sent.
func (e ending) locked() bool { return strings.Contains(e.Log, "another run") }

func (e ending) killed() bool { return e.Signal == syscall.SIGKILL }

// rest waits for d, as cron does between runs.
func rest(t testing.TB, d time.Duration) {
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}
