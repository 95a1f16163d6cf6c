package rabbittest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tstat-transport/internal/test/testkit"
)

// launch starts the Erlang machine and waits until User can log in.
func (n *Node) launch() error {
	if err := n.spawn(); err != nil {
		return err
	}
	if err := n.awaitReady(); err != nil {
		return err
	}
	return n.logAllEvents()
}

// logAllEvents makes the node log every event. By default Erlang drops the events beyond 500
// a second, and those beyond a queue of 200, so that Log lacks lines that a test may wait for.
func (n *Node) logAllEvents() error {
	_, err := n.eval(`Keep = #{burst_limit_enable => false, drop_mode_qlen => 1000000, flush_qlen => 1000000},
		[ok = logger:update_handler_config(Id, config, Keep) || Id <- logger:get_handler_ids()]`)
	return err
}

func (n *Node) spawn() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		return fmt.Errorf("%s is running already", n.name)
	}
	p, err := startProcess(n.script, n.serverEnviron(), n.dir, n.logFile())
	n.proc = p
	return err
}

func (n *Node) awaitReady() error {
	p := n.process()
	if p == nil {
		return fmt.Errorf("%s is not running", n.name)
	}
	deadline := time.After(testkit.Patience)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := n.ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting; its log ends with:\n%s", n.name, n.logTail(40))
		case <-deadline:
			return fmt.Errorf("%s cannot be logged in to after %s (%w); its log ends with:\n%s", n.name, testkit.Patience, err, n.logTail(40))
		case <-poll.C:
		}
	}
}

func (n *Node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// detachProcess returns the process and leaves the node without one. The caller
// must end the process.
func (n *Node) detachProcess() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.proc
	n.proc = nil
	return p
}

func (n *Node) reportError(err error) {
	if err != nil {
		n.report("rabbittest: %v", err)
	}
}

// Pid returns the process id of the Erlang machine, 0 after Kill and Stop.
func (n *Node) Pid() int {
	if p := n.process(); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Kill kills the node with SIGKILL. When Kill returns the node has ended and its
// sockets are closed. Start starts the node again.
func (n *Node) Kill() {
	if p := n.detachProcess(); p != nil {
		n.reportError(p.kill())
	}
}

// Stop shuts the node down in an orderly way.
func (n *Node) Stop() {
	if p := n.detachProcess(); p != nil {
		n.reportError(p.stop(testkit.Patience))
	}
}

// Start starts a node that was killed or stopped, on the same ports and with
// the same data, and waits until it can be logged in to.
func (n *Node) Start() { n.reportError(n.launch()) }

// Restart is Stop and Start.
func (n *Node) Restart() {
	n.Stop()
	n.Start()
}

// Persist restarts the node, so that what was declared so far survives Kill. A
// broker keeps a new queue in memory for some seconds. If it is killed meanwhile,
// it forgets the queue and every message that it has confirmed into the queue.
func (n *Node) Persist() { n.Restart() }

// Pause stops the node with SIGSTOP: its connections stay open, and nothing
// answers any more once Pause returns. Kill works on a paused node, Stop does
// not.
func (n *Node) Pause() {
	n.signal(syscall.SIGSTOP)
	n.reportError(n.awaitStopped())
}

// awaitStopped waits until SIGSTOP has stopped each thread.
func (n *Node) awaitStopped() error {
	pid := n.Pid()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	deadline := time.Now().Add(testkit.Patience)
	for _, task := range tasks {
		for {
			state, err := processState(task)
			if noSuchProcess(err) || state == 'T' {
				break
			}
			if err != nil {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s has not stopped %s after SIGSTOP", n.name, testkit.Patience)
			}
			time.Sleep(time.Millisecond) //nolint:forbidigo // a poll within the bound above
		}
	}
	return nil
}

// noSuchProcess reports whether processState failed because the process or
// thread has ended.
func noSuchProcess(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// processState returns the state of a process or thread, read from its directory
// in /proc; see proc(5).
func processState(dir string) (byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(b, []byte(") "))
	if !ok || len(rest) == 0 {
		return 0, fmt.Errorf("%s/stat holds no state: %q", dir, b)
	}
	return rest[0], nil
}

// Resume continues a paused node.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(s os.Signal) {
	p := n.process()
	if p == nil {
		n.report("rabbittest: %s is not running, so it cannot be sent %s", n.name, s)
		return
	}
	n.reportError(p.cmd.Process.Signal(s))
}

func (n *Node) destroy() {
	n.Kill()
	n.reportError(os.RemoveAll(n.dir))
}
