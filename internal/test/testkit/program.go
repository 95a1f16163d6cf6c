package testkit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds every run of a program and every wait for a condition: the
// longest of the programs' own bounds, a minute for a broker that is away, and
// as much again for a busy machine.
const Patience = 3 * time.Minute

var binaries struct {
	sync.Mutex
	dir    string
	failed map[string]error // by tags
}

// Binary builds the programs with tags, and with the race detector if the tests
// have it, and returns the path of one. TestMain must call RemoveBinaries.
func Binary(t testing.TB, name, tags string) string {
	t.Helper()
	b := &binaries
	b.Lock()
	defer b.Unlock()
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "tstat-programs-")
		if err != nil {
			t.Fatal(err)
		}
		b.dir, b.failed = dir, map[string]error{}
	}
	dir := filepath.Join(b.dir, "tags-"+tags)
	err, done := b.failed[tags]
	if !done {
		args := []string{"build", "-tags", tags, "-o", dir + "/"}
		if Race {
			args = append(args, "-race")
		}
		cmd := exec.CommandContext(t.Context(), "go", append(args, "tstat-transport/cmd/...")...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		err = cmd.Run()
		b.failed[tags] = err
	}
	if err != nil {
		t.Fatalf("cannot build the programs: %v", err)
	}
	return filepath.Join(dir, name)
}

// RemoveBinaries removes what Binary has built.
func RemoveBinaries() {
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
}

// Program is a running program.
type Program struct {
	Cmd       *exec.Cmd
	Out, Errs Buffer // what it has printed so far

	t            testing.TB
	began, ended time.Time
	exited       chan struct{} // closed when it has ended
}

// Start starts a program. It is killed when the test ends.
func Start(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{Cmd: cmd, t: t, began: time.Now(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.Out, &p.Errs
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
	process, exited := cmd.Process, p.exited // what it has printed need not be kept for this
	t.Cleanup(func() {
		_ = process.Kill() // it has mostly ended long ago
		<-exited
	})
	return p
}

// Signal sends a signal to a program that may have ended.
func (p *Program) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", s, err)
	}
}

// After waits for d or the program's end, and reports whether the program still
// runs.
func (p *Program) After(d time.Duration) bool {
	select {
	case <-p.exited:
	case <-time.After(d):
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Ending is how a program ended.
type Ending struct {
	Status       int            // -1 if a signal ended it
	Signal       syscall.Signal // that ended it, 0 if none
	Stuck        bool           // it did not end within Patience, and was ended
	Began, Ended time.Time
	Out, Log     string
	Summary      map[string]string // nil if there is none
}

// Wait waits for the program's end and checks what holds for every run: it has
// no data race, its books balance, and its summary says how it ends.
func (p *Program) Wait() Ending {
	p.t.Helper()
	var e Ending
	if p.After(Patience - time.Since(p.began)) {
		e.Stuck = true
		p.Signal(syscall.SIGQUIT) // for the goroutines' stacks
		<-p.exited
	}
	e.Began, e.Ended = p.began, p.ended
	e.Out, e.Log, e.Status = p.Out.String(), p.Errs.String(), p.Cmd.ProcessState.ExitCode()
	if s, ok := p.Cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.Signal = s.Signal()
	}
	if strings.Contains(e.Log, "DATA RACE") || strings.Contains(e.Log, "panic:") {
		p.t.Errorf("%s\n%s", p.Cmd, e.Log)
	}
	if e.Summary = summary(e.Log); e.Summary == nil {
		return e
	}
	if e.Summary["rows"] != "" {
		n := func(key string) int {
			p.t.Helper()
			return Number(p.t, e.Summary, key)
		}
		if n("rows") != n("below")+n("sent")+n("malformed") || n("published") != n("confirmed")+n("failed") {
			p.t.Errorf("%s: the books do not balance: %v", p.Cmd, e.Summary)
		}
	}
	if e.Signal != syscall.SIGKILL && e.Summary["status"] != strconv.Itoa(e.Status) {
		p.t.Errorf("%s: the summary says status %s, the program %d", p.Cmd, e.Summary["status"], e.Status)
	}
	return e
}

// summary returns the keys and values of the summary line, nil if there is none.
func summary(log string) (books map[string]string) {
	for line := range strings.Lines(log) {
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

// Number returns a number of a summary.
func Number(t testing.TB, summary map[string]string, key string) int {
	t.Helper()
	n, err := strconv.Atoi(summary[key])
	if err != nil {
		t.Errorf("the summary has no number %s: %v", key, summary)
	}
	return n
}

// Buffer is a buffer that may be read while a program writes to it.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Await polls until done returns true, and fails t after Patience.
func Await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", Patience, what)
		}
	}
}
