package soak

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// start starts one of the programs.
func start(t testing.TB, name string, args ...string) *testkit.Program {
	t.Helper()
	return testkit.Start(t, exec.Command(testkit.Binary(t, name, ""), args...))
}

// ending adds methods to testkit.Ending.
type ending struct{ testkit.Ending }

func wait(p *testkit.Program) ending { return ending{p.Wait()} }

// unprepared reports whether SIGTERM ended the program before the program handled signals.
func (e ending) unprepared() bool { return e.Signal == syscall.SIGTERM && e.Log == "" }

// locked reports whether the culler or another run had locked a directory or a root.
func (e ending) locked() bool { return strings.Contains(e.Log, "another run") }

func (e ending) killed() bool { return e.Signal == syscall.SIGKILL }
