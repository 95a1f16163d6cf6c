package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The exit statuses, as the operators' documentation has them.
const (
	allDone       = 0
	wrongUsage    = 64
	noRoot        = 66
	ioTrouble     = 74
	tryAgain      = 75
	refused       = 77
	misconfigured = 78
)

// secret is the password of the broker's user in every test.
const secret = `p4ss:w/rd %\"#`

// patience bounds every run and every wait for a condition: far more than any
// needs, even on a machine that is busy with other things.
const patience = 150 * time.Second

// program is a running program.
type program struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, errs buffer
	began     time.Time
	exited    chan struct{} // closed when it has ended
}

// result is what has become of a program.
type result struct {
	t           *testing.T
	status      int
	signal      syscall.Signal // that ended it, 0 if none
	stdout      string
	stderr      string
	took        time.Duration
	description string
}

// start starts one of the programs. It is killed when the test ends.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return startCommand(t, exec.Command(binary(t, name), args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, began: time.Now(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.errs
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	// 66, the race detector's own choice, means something else here.
	cmd.Env = append(cmd.Env, "GORACE=exitcode=111")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // ProcessState says how it ended
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has mostly ended long ago
		<-p.exited
	})
	return p
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

func (p *program) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// wait waits for the program's end, and checks what holds for every run: it
// ends, shows no secret, and has no data race.
func (p *program) wait() result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // for the goroutines' stacks
		<-p.exited
		p.t.Fatalf("%s has not ended within %v:\n%s", p.cmd, patience, p.errs.String())
	}
	r := result{
		t: p.t, status: p.cmd.ProcessState.ExitCode(), took: time.Since(p.began),
		stdout: p.out.String(), stderr: p.errs.String(), description: p.cmd.String(),
	}
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		r.signal = s.Signal()
	}
	noSecret(p.t, r.stdout)
	noSecret(p.t, r.stderr)
	if strings.Contains(r.stderr, "DATA RACE") || strings.Contains(r.stderr, "panic:") {
		p.t.Errorf("%s\n%s", r.description, r.stderr)
	}
	return r
}

// run runs one of the programs to its end.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return start(t, name, args...).wait()
}

func noSecret(t testing.TB, text string) {
	t.Helper()
	for _, form := range []string{secret, strconv.Quote(secret), url.QueryEscape(secret), url.PathEscape(secret)} {
		if strings.Contains(text, strings.Trim(form, `"`)) {
			t.Errorf("the password is shown: %s", text)
		}
	}
}

// want checks the exit status, that the log says all of words, and that the
// summary, where there is one, shows balanced books.
func (r result) want(status int, words ...string) result {
	r.t.Helper()
	if r.status != status || r.signal != 0 {
		r.t.Errorf("%s: exit status %d (signal %d), want %d:\n%s", r.description, r.status, r.signal, status, r.log())
	}
	plain := strings.ReplaceAll(r.stderr, `\"`, `"`)
	for _, w := range words {
		if !strings.Contains(plain, w) {
			r.t.Errorf("%s: the log does not say %q:\n%s", r.description, w, r.log())
		}
	}
	if books := r.summary(); books != nil {
		f := func(s string) int { r.t.Helper(); return number(r.t, books, s) }
		if _, sender := books["rows"]; sender {
			if f("rows") != f("below")+f("sent")+f("malformed") || f("published") != f("confirmed")+f("failed") {
				r.t.Errorf("%s: the books do not balance: %v", r.description, books)
			}
		}
		if f("status") != r.status {
			r.t.Errorf("%s: the summary says status %d, the program %d", r.description, f("status"), r.status)
		}
	}
	return r
}

// within wants the run to have ended in time.
func (r result) within(limit time.Duration) result {
	r.t.Helper()
	if r.took > limit {
		r.t.Errorf("%s took %v, want at most %v:\n%s", r.description, r.took, limit, r.log())
	}
	return r
}

// log is the end of the log, for messages.
func (r result) log() string { return r.stderr[max(0, len(r.stderr)-6000):] }

// summary is the summary line's keys and values; nil if there is none.
func (r result) summary() map[string]string {
	var books map[string]string
	for line := range strings.Lines(r.stderr) {
		if !strings.Contains(line, "event=summary ") {
			continue
		}
		books = map[string]string{}
		for field := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(field, "=")
			books[key] = value
		}
	}
	return books
}

// count is a number in the summary.
func (r result) count(key string) int {
	r.t.Helper()
	return number(r.t, r.summary(), key)
}

func number(t *testing.T, books map[string]string, key string) int {
	t.Helper()
	n, err := strconv.Atoi(books[key])
	if err != nil {
		t.Fatalf("the summary has no number %s: %v", key, books)
	}
	return n
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

// await polls until done says true.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

// says waits until the program's log says text.
func (p *program) says(text string) {
	p.t.Helper()
	await(p.t, "the log to say "+strconv.Quote(text), func() bool {
		p.t.Helper()
		found := strings.Contains(p.errs.String(), text)
		if !found && !p.running() {
			p.t.Fatalf("%s ended and never said %q:\n%s", p.cmd, text, p.errs.String())
		}
		return found
	})
}

// memoryLimit is far above what a run needs, and far below what it would need
// if it kept what it reads; the race detector multiplies it.
var memoryLimit = map[bool]int{false: 100 << 20, true: 250 << 20}[raceEnabled]

// waitMeasured is wait, and the most memory, in bytes, that the program was
// seen to use. (Of an ended one the kernel tells the size of its parent.)
func (p *program) waitMeasured() (r result, most int) {
	p.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) // empty at its end
		for line := range strings.Lines(string(status)) {
			var kilobytes int
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
				most = max(most, kilobytes<<10)
			}
		}
		select {
		case <-p.exited:
			r := p.wait()
			if most == 0 && r.took > time.Second { // else it was gone too soon
				p.t.Error("the program's memory could not be measured")
			}
			return r, most
		case <-poll.C:
		}
	}
}
