// Package transporttest holds the tests that every transport must pass. The package of a
// transport runs them against the real receiver. Only package stdout does not, since it
// delivers nothing.
package transporttest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"go.uber.org/goleak"

	"tstat-transport/internal/transport"
)

// Subject is a transport and its receiver.
type Subject struct {
	// Open opens the transport as a run does. It is called again, for a further run, after the
	// transport is closed.
	Open func(t *testing.T) transport.Transport
	// Received returns everything that the receiver has, repeats included: bodies of messages
	// or single flows. It is called after the transport is closed.
	Received func(t *testing.T) []string
	// Stall makes the receiver accept nothing and answer nothing until the end of the test. It
	// is nil if the receiver has no such state.
	Stall func(t *testing.T)
}

// Fault is a receiver that accepts nothing.
type Fault struct {
	// Open opens a transport to the receiver. Either Open or the first Send must fail.
	Open    func(t *testing.T) (transport.Transport, error)
	Verdict transport.Verdict // of the error
	Words   []string          // that the error must contain: the cause and the remedy
	Secrets []string          // that the error must not contain
}

const (
	// prompt bounds Send after its context has ended. Send takes milliseconds; the rest is for a
	// busy machine.
	prompt = 20 * time.Second
	// closing bounds Close.
	closing = 40 * time.Second
	// failing bounds a Send that gives up by itself.
	failing = time.Minute
)

// Run tests a transport. Run calls subject for each test; each returned Subject must have a
// receiver of its own.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"delivers from many goroutines": delivers,
		"several runs":                  runs,
		"cancelled":                     cancelled,
		"closed without a message":      unused,
		"the receiver is silent":        silent,
	} {
		t.Run(name, func(t *testing.T) {
			s := subject(t)
			noLeak(t)
			test(t, s)
		})
	}
}

// RunFaults tests how a transport fails. The keys of faults are the names of the subtests.
func RunFaults(t *testing.T, faults map[string]Fault) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			f.run(t)
		})
	}
}

// noLeak fails t if it leaves goroutines behind that did not exist when noLeak was called.
func noLeak(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	})
}

// Message returns message n of a directory. It has two flows.
func Message(directory string, n int) *transport.Message {
	body := fmt.Sprintf(`[{"type":"flow","n":%d,"meta":{"sensor_id":"a \"b\\\", [{ü}]","directory":%q}},{"type":"flow","n":-%d,"pad":%q}]`,
		n, directory, n, strings.Repeat("x", n%5000))
	return &transport.Message{
		ID:   fmt.Sprintf("sensor/0/%s/log_tcp_complete@%d-%d", directory, n, n+1),
		Body: []byte(body), Size: len(body), Flows: 2, Directory: directory, Instance: "0",
	}
}

// send sends a message and then overwrites its body, as the pipeline does.
func send(ctx context.Context, tr transport.Transport, m *transport.Message) error {
	err := tr.Send(ctx, m)
	for i := range m.Body {
		m.Body[i] = '!'
	}
	return err
}

func finish(t *testing.T, tr transport.Transport, directory string) {
	t.Helper()
	if f, ok := tr.(transport.Finisher); ok {
		if err := f.Finish(t.Context(), "0", directory); err != nil {
			t.Errorf("Finish of %s: %v", directory, err)
		}
	}
}

// closeInTime closes a transport, and wants Close to return within closing.
func closeInTime(t *testing.T, tr transport.Transport) {
	t.Helper()
	began := time.Now()
	if err := tr.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(began); took > closing {
		t.Errorf("Close took %v", took)
	}
}

func delivers(t *testing.T, s Subject) {
	const senders, each = 8, 40
	directories := []string{
		"/srv/a/2016_02_17_12_53.out", "/srv/b/2016_02_17_12_53.out", // the same name in two roots
		"/srv/a/2016_02_17_13_53.out",
	}
	tr := s.Open(t)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				n := i*each + j
				if err := send(t.Context(), tr, Message(directories[n%len(directories)], n)); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, d := range directories {
		finish(t, tr, d)
	}
	closeInTime(t, tr)
	var want []*transport.Message
	for n := range senders * each {
		want = append(want, Message(directories[n%len(directories)], n))
	}
	compare(t, want, s.Received(t))
}

// runs makes three runs. The first ends in the middle of a directory, the second finishes the
// directory, and the third adds to it.
func runs(t *testing.T, s Subject) {
	const directory = "/srv/a/2016_02_17_12_53.out"
	var want []*transport.Message
	for run := range 3 {
		tr := s.Open(t)
		for i := range 10 {
			n := 10*run + i
			want = append(want, Message(directory, n))
			if err := send(t.Context(), tr, Message(directory, n)); err != nil {
				t.Fatalf("run %d: Send: %v", run, err)
			}
		}
		if run > 0 {
			finish(t, tr, directory)
		}
		closeInTime(t, tr)
	}
	compare(t, want, s.Received(t))
}

func cancelled(t *testing.T, s Subject) {
	tr := s.Open(t)
	defer closeInTime(t, tr)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := send(ctx, tr, Message("/srv/a/1.out", 1)); err == nil {
		t.Error("Send with a context that has ended: no error")
	} else if got := transport.VerdictOf(err); got != transport.Retry {
		t.Errorf("error %q has the verdict %d, want Retry", err, got)
	}
	if took := time.Since(began); took > prompt {
		t.Errorf("Send took %v", took)
	}
	if err := send(t.Context(), tr, Message("/srv/a/1.out", 2)); err != nil {
		t.Errorf("Send after one that was cancelled: %v", err)
	}
}

func unused(t *testing.T, s Subject) {
	tr := s.Open(t)
	finish(t, tr, "/srv/a/1.out")
	closeInTime(t, tr)
	compare(t, nil, s.Received(t))
}

func silent(t *testing.T, s Subject) {
	if s.Stall == nil {
		t.Skip("this receiver cannot stall")
	}
	tr := s.Open(t)
	defer closeInTime(t, tr)
	if err := send(t.Context(), tr, Message("/srv/a/1.out", 0)); err != nil {
		t.Fatalf("Send: %v", err)
	}
	s.Stall(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			if err := send(ctx, tr, Message("/srv/a/1.out", n)); err == nil {
				t.Error("Send to a silent receiver: no error")
			}
		})
	}
	time.AfterFunc(200*time.Millisecond, cancel)
	<-ctx.Done()
	began := time.Now()
	wg.Wait()
	if took := time.Since(began); took > prompt {
		t.Errorf("Send took %v after the context had ended", took)
	}
}

func (f Fault) run(t *testing.T) {
	began := time.Now()
	tr, err := f.Open(t)
	if err == nil {
		defer closeInTime(t, tr)
		err = send(t.Context(), tr, Message("/srv/a/1.out", 1))
	}
	if took := time.Since(began); took > failing {
		t.Errorf("it took %v to fail", took)
	}
	if err == nil {
		t.Fatal("neither Open nor Send failed")
	}
	if got := transport.VerdictOf(err); got != f.Verdict {
		t.Errorf("error %q has the verdict %d, want %d", err, got, f.Verdict)
	}
	for _, w := range f.Words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	for _, secret := range f.Secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q holds the secret %q", err, secret)
		}
	}
}

// compare wants every flow of want exactly once in got.
func compare(t *testing.T, want []*transport.Message, got []string) {
	t.Helper()
	count := make(map[string]int)
	for _, m := range want {
		for _, flow := range flows(t, string(m.Body)) {
			count[flow]++
		}
	}
	for _, text := range got {
		for _, flow := range flows(t, text) {
			count[flow]--
		}
	}
	bad := 0
	for flow, n := range count {
		if n == 0 {
			continue
		}
		if bad++; bad <= 5 {
			t.Errorf("%+d (+ missing, - surplus): %.200s", n, flow)
		}
	}
	if bad > 5 {
		t.Errorf("%d more flows are missing or repeated", bad-5)
	}
}

// flows returns the flows of a message, byte for byte. If text is a single flow, it returns
// text.
func flows(t *testing.T, text string) []string {
	t.Helper()
	if !strings.HasPrefix(text, "[") {
		return []string{text}
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("received %.200q, which is no JSON: %v", text, err)
	}
	all := make([]string, len(list))
	for i, flow := range list {
		all[i] = string(flow)
	}
	return all
}
