package life

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every run of a program: the longest of its own bounds, a
// minute for a broker that is away, and as much again for a busy machine.
const patience = 3 * time.Minute

// program is a running program.
type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	log    buffer
	began  time.Time
	ended  time.Time     // set before exited is closed
	exited chan struct{} // closed when it has ended
}

// command is a program's command; it is killed when the test ends.
func command(t testing.TB, name, tags string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), binary(t, name, tags), args...)
}

func start(t testing.TB, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, began: time.Now(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	// 66, the race detector's own choice, means something else here.
	cmd.Env = append(cmd.Environ(), "GORACE=exitcode=111")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // ProcessState says how it ended
		p.ended = time.Now()
	}()
	return p
}

func (p *program) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", s, err)
	}
}

// after waits for d, and says whether the program still runs then.
func (p *program) after(d time.Duration) bool {
	select {
	case <-p.exited:
		return false
	case <-time.After(d):
		return true
	}
}

// pause waits for d after the program has ended, as cron does between runs.
func (p *program) pause(d time.Duration) {
	select {
	case <-p.t.Context().Done():
	case <-time.After(d):
	}
}

// ending is how a program ended.
type ending struct {
	status  int            // -1 if a signal ended it
	signal  syscall.Signal // that ended it, 0 if none
	stuck   bool           // it did not end within patience
	summary map[string]string
	log     string
}

// early says that SIGTERM came before the program had begun to listen for it.
func (e ending) early() bool { return e.signal == syscall.SIGTERM && e.log == "" }

// locked says that the culler, or another run, had locked what was to be sent.
func (e ending) locked() bool { return strings.Contains(e.log, "another run") }

func (e ending) killed() bool { return e.signal == syscall.SIGKILL }

// wait waits for the program's end and checks what holds for every run: it has
// no data race, and balances its books. One that does not end in time is ended
// and is stuck.
func (p *program) wait() ending {
	var e ending
	if p.after(patience - time.Since(p.began)) {
		e.stuck = true
		p.signal(syscall.SIGQUIT) // for the goroutines' stacks
		<-p.exited
	}
	e.log, e.status = p.log.String(), p.cmd.ProcessState.ExitCode()
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.signal = s.Signal()
	}
	e.summary = summary(e.log)
	if strings.Contains(e.log, "DATA RACE") || strings.Contains(e.log, "panic:") {
		p.t.Errorf("%s\n%s", p.cmd, e.log)
	}
	if e.summary == nil {
		return e
	}
	if e.summary["rows"] != "" {
		n := func(key string) int {
			n, err := strconv.Atoi(e.summary[key])
			if err != nil {
				p.t.Errorf("the summary has no number %s: %v", key, e.summary)
			}
			return n
		}
		if n("rows") != n("below")+n("sent")+n("malformed") || n("published") != n("confirmed")+n("failed") {
			p.t.Errorf("the books do not balance: %v", e.summary)
		}
	}
	if e.signal != syscall.SIGKILL && e.summary["status"] != strconv.Itoa(e.status) {
		p.t.Errorf("the summary says status %s, the program %d", e.summary["status"], e.status)
	}
	return e
}

// summary is the summary line's keys and values; nil if there is none.
func summary(log string) map[string]string {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "event=summary ") {
			continue
		}
		books := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(field, "=")
			books[key] = value
		}
		return books
	}
	return nil
}

// buffer may be read while a program writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
