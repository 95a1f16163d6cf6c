package e2e

import (
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/testsite"
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

const secret = testsite.Secret

// program is a running program.
type program struct {
	*testkit.Program
	t *testing.T
}

// result is how a program ended.
type result struct {
	testkit.Ending
	t           *testing.T
	description string
}

func binary(t testing.TB, name string) string { return testkit.Binary(t, name, "") }

// start starts one of the programs. It is killed when the test ends.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return startCommand(t, exec.Command(binary(t, name), args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	return &program{testkit.Start(t, cmd), t}
}

// wait waits for the program's end, and checks what holds for every run: it
// ends, shows no secret, balances its books, and has no data race.
func (p *program) wait() result {
	p.t.Helper()
	e := p.Wait()
	if e.Stuck {
		p.t.Fatalf("%s has not ended within %v:\n%s", p.Cmd, testkit.Patience, e.Log)
	}
	noSecret(p.t, e.Out)
	noSecret(p.t, e.Log)
	return result{e, p.t, p.Cmd.String()}
}

// run runs one of the programs to its end.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return start(t, name, args...).wait()
}

func noSecret(t testing.TB, text string) {
	t.Helper()
	for _, form := range []string{secret, strconv.Quote(secret), url.QueryEscape(secret), url.PathEscape(secret), url.User(secret).String()} {
		if strings.Contains(text, strings.Trim(form, `"`)) {
			t.Errorf("the password is shown: %s", text)
		}
	}
}

// want checks the exit status and that the log says all of words.
func (r result) want(status int, words ...string) result {
	r.t.Helper()
	if r.Status != status || r.Signal != 0 {
		r.t.Errorf("%s: exit status %d (signal %d), want %d:\n%s", r.description, r.Status, r.Signal, status, r.log())
	}
	plain := strings.ReplaceAll(r.Log, `\"`, `"`)
	for _, w := range words {
		if !strings.Contains(plain, w) {
			r.t.Errorf("%s: the log does not say %q:\n%s", r.description, w, r.log())
		}
	}
	return r
}

// log returns the end of the log, for messages.
func (r result) log() string { return r.Log[max(0, len(r.Log)-6000):] }

// count returns a number of the summary.
func (r result) count(key string) int {
	r.t.Helper()
	return testkit.Number(r.t, r.Summary, key)
}

// awaitLog waits until the program's log contains text.
func (p *program) awaitLog(text string) {
	p.t.Helper()
	testkit.Await(p.t, "the log to contain "+strconv.Quote(text), func() bool {
		p.t.Helper()
		running := p.Running() // looked at first: the text may be logged just before the end
		found := strings.Contains(p.Errs.String(), text)
		if !found && !running {
			p.t.Fatalf("%s ended, and its log does not contain %q:\n%s", p.Cmd, text, p.Errs.String())
		}
		return found
	})
}

// memoryLimit is far above the memory that a run needs, and below what it would need to hold
// a whole line of TestLongLine. A run under the race detector needs more.
var memoryLimit = map[bool]int64{false: 100 << 20, true: 250 << 20}[testkit.Race]

// waitMeasured is wait, and also wants the program's largest resident set to be within
// memoryLimit.
func (p *program) waitMeasured() result {
	p.t.Helper()
	most := int64(0)
	for began := time.Now(); p.RunsFor(10*time.Millisecond) && time.Since(began) < testkit.Patience; {
		most = max(most, testkit.Memory(p.Cmd.Process.Pid, "VmHWM"))
	}
	r := p.wait()
	p.t.Logf("%d MB of memory", most>>20)
	if most > memoryLimit {
		p.t.Errorf("%d MB of memory, want at most %d", most>>20, memoryLimit>>20)
	}
	// A short run on a busy machine may end between two polls.
	state := p.Cmd.ProcessState
	if most == 0 && state.UserTime()+state.SystemTime() > time.Second {
		p.t.Error("the program's memory could not be measured")
	}
	return r
}
