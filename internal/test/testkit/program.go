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

// binaries are the programs that Binary has built.
var binaries struct {
	sync.Mutex
	dir   string
	built map[string]error // result of the build, by tags
}

// Binary returns the path of a program. The first call with the same tags builds all
// programs, with the race detector if the tests have it. TestMain must call rabbittest.Main,
// which removes the programs at the end.
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
		b.dir, b.built = dir, map[string]error{}
	}
	dir := filepath.Join(b.dir, "tags-"+tags)
	err, done := b.built[tags]
	if !done {
		args := []string{"build", "-tags", tags, "-o", dir + "/"}
		if Race {
			args = append(args, "-race")
		}
		cmd := exec.CommandContext(t.Context(), "go", append(args, "tstat-transport/cmd/...")...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		err = cmd.Run()
		b.built[tags] = err
	}
	if err != nil {
		t.Fatalf("cannot build the programs: %v", err)
	}
	return filepath.Join(dir, name)
}

// RemoveBinaries removes the programs that Binary has built.
func RemoveBinaries() {
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
}

// Program is a program that was started.
type Program struct {
	Cmd       *exec.Cmd
	Out, Errs Buffer // standard output and standard error so far

	t            testing.TB
	began, ended time.Time
	exited       chan struct{} // closed when the program has ended
}

// afterEnd bounds how long a program that was told to end may take, and how long its children may
// keep its standard output open.
const afterEnd = 10 * time.Second

// Start starts a program. It is killed when the test ends.
func Start(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{Cmd: cmd, t: t, began: time.Now(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.Out, &p.Errs
	cmd.WaitDelay = afterEnd
	// The race detector's default, 66, is an exit status of the programs.
	cmd.Env = append(cmd.Environ(), "GORACE=exitcode=111")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // ProcessState holds the result
		p.ended = time.Now()
	}()
	process, exited := cmd.Process, p.exited // without p, so that its output can be freed
	t.Cleanup(func() {
		_ = process.Kill() // fails if it has ended
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

// Running reports whether the program has not ended yet.
func (p *Program) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// RunsFor waits for d, or until the program ends, and reports whether the program still runs.
func (p *Program) RunsFor(d time.Duration) bool {
	select {
	case <-p.exited:
	case <-time.After(d):
	}
	return p.Running()
}

// Ending is how a program ended.
type Ending struct {
	Status       int            // exit status, -1 if a signal ended the program
	Signal       syscall.Signal // the signal that ended the program, 0 if none
	Stuck        bool           // the program did not end within Patience, and was killed
	Began, Ended time.Time
	Out, Log     string            // standard output and standard error
	Summary      map[string]string // the values of the log line event=summary, by key; nil if there is no such line
}

// Wait waits for the program's end. It fails the test if the program had a data race or a
// panic, if the counts of its summary contradict each other, or if the summary has another
// exit status than the program.
func (p *Program) Wait() Ending {
	p.t.Helper()
	var e Ending
	if p.RunsFor(Patience - time.Since(p.began)) {
		e.Stuck = true
		p.Signal(syscall.SIGQUIT) // makes Go print the stacks of all goroutines
		p.Signal(syscall.SIGCONT) // a stopped program gets SIGQUIT when it continues
		if p.RunsFor(afterEnd) {
			p.Signal(syscall.SIGKILL)
		}
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

// summary returns [Ending.Summary].
func summary(log string) (values map[string]string) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "event=summary ") {
			continue
		}
		values = map[string]string{}
		for field := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(field, "=")
			values[key] = value
		}
	}
	return values
}

// Number returns a number of a summary. It fails t if there is none.
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
