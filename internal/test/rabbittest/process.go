package rabbittest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a running Erlang machine together with its watchdog, a shell that reads from a
// pipe. Only the test process holds the other end of the pipe. If the test process dies in any
// way, the read ends, and the watchdog kills the machine and removes its directory.
// PR_SET_PDEATHSIG does not suffice: it sends a signal when the starting thread ends.
type process struct {
	cmd    *exec.Cmd
	alive  *os.File      // the pipe that the watchdog reads; a line makes it exit without killing the machine
	ended  *os.File      // a pipe that the watchdog keeps open until it has ended
	exited chan struct{} // closed when the machine has ended
}

// watchdogScript starts the watchdog in the background, and then becomes the machine by exec.
// $$ is therefore the machine. The watchdog ignores SIGHUP, which the kernel sends to both if
// the test process dies while the machine is stopped (an orphaned process group).
const watchdogScript = `
(
	trap '' HUP INT TERM
	read -r _ && exit 0
	kill -9 $$
	for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$ 2>/dev/null || break; sleep 0.1; done
	rm -rf "$RABBITTEST_DIR"
) <&3 3<&- >/dev/null 2>&1 &
exec "$0" 3<&- 4>&-
`

func startProcess(script string, env []string, dir, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the node's log: %w", err)
	}
	defer out.Close()
	aliveR, aliveW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe for the node: %w", err)
	}
	defer aliveR.Close()
	endedR, endedW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make a pipe for the node: %w", err), aliveW.Close())
	}
	defer endedW.Close()

	cmd := exec.Command("/bin/sh", "-c", watchdogScript, script)
	cmd.Env = append(env, "RABBITTEST_DIR="+dir)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{aliveR, endedW}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must reach the test only
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", script, err), aliveW.Close(), endedR.Close())
	}
	p := &process{cmd: cmd, alive: aliveW, ended: endedR, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // the exit status does not matter
	}()
	return p, nil
}

// kill kills the machine and ends the watchdog. Both have ended when kill returns.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill the node: %w", err)
	}
	return p.release()
}

// stop asks the machine to shut down in an orderly way, and kills it after timeout.
func (p *process) stop(timeout time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop the node: %w", err)
	}
	select {
	case <-p.exited:
		return p.release()
	case <-time.After(timeout):
		return errors.Join(fmt.Errorf("the node did not stop within %s", timeout), p.kill())
	}
}

// release waits until the machine has ended, and ends the watchdog.
func (p *process) release() error {
	<-p.exited
	_, werr := io.WriteString(p.alive, "done\n")
	_, rerr := io.Copy(io.Discard, p.ended)
	return errors.Join(werr, rerr, p.alive.Close(), p.ended.Close())
}
