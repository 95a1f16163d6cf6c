package workers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"go.uber.org/goleak"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// archive is a transport that keeps what it accepts.
type archive struct {
	mu     sync.Mutex
	bodies map[string]string // by message id
	times  map[string]int    // how often each message was accepted
	// refuse, if set, returns why a message is refused, or nil.
	refuse func(id string) error
}

func newArchive() *archive {
	return &archive{bodies: make(map[string]string), times: make(map[string]int)}
}

func (a *archive) Send(ctx context.Context, m *transport.Message) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		if err := a.refuse(m.ID); err != nil {
			return err
		}
	}
	if was, ok := a.bodies[m.ID]; ok && was != string(m.Body) {
		return errors.New("another message with the id " + m.ID)
	}
	a.bodies[m.ID] = string(m.Body)
	a.times[m.ID]++
	return nil
}

func (a *archive) Close(context.Context) error { return nil }

// flows returns how often each flow was accepted, by its text.
func (a *archive) flows(t *testing.T) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for id, body := range a.bodies {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, f := range list {
			count[string(f)] += a.times[id]
		}
	}
	return count
}

// run runs the pipeline once over root, and checks its books. change, if not nil, changes
// the options.
func run(ctx context.Context, t *testing.T, root string, to transport.Transport, change func(*workers.Options)) (workers.Outcome, *report.Counters) {
	t.Helper()
	r, err := logdir.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Lock(); err != nil {
		t.Fatal(err)
	}
	o := workers.Options{
		Roots: []*logdir.Root{r}, Transport: to, Mark: true,
		Settings: message.Settings{Sensor: "s"}, Workers: 2, Publishers: 3,
		Grace: 10 * time.Second, Version: "test",
		Log: slog.New(slog.DiscardHandler), Counters: new(report.Counters),
	}
	if change != nil {
		change(&o)
	}
	outcome, err := workers.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	n := o.Counters
	if rows := n.Below.Load() + n.Sent.Load() + n.Malformed.Load(); rows != n.Rows.Load() {
		t.Errorf("books: %d rows, %d accounted for", n.Rows.Load(), rows)
	}
	if n.Published.Load() != n.Confirmed.Load()+n.Failed.Load() {
		t.Errorf("books: %d published, %d confirmed, %d failed", n.Published.Load(), n.Confirmed.Load(), n.Failed.Load())
	}
	return outcome, n
}

// writeLog writes a log into a directory below root.
func writeLog(t *testing.T, root, dir, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readReference(t *testing.T, log []byte, kind reference.Protocol, from int64) reference.Result {
	t.Helper()
	want, err := reference.Read(log, kind, reference.Settings{Sensor: "s", From: from})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// wantFlows returns how often each flow must be sent, by its text.
func wantFlows(t *testing.T, result reference.Result) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, f := range result.Flows() {
		count[flowText(t, f)]++
	}
	return count
}

func flowText(t *testing.T, f message.Flow) string {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// diff fails the test with the first flow that was not sent as often as it must be.
func diff(t *testing.T, got, want map[string]int) {
	t.Helper()
	for _, f := range slices.Sorted(maps.Keys(want)) {
		if got[f] != want[f] {
			t.Fatalf("%d times, want %d: %s", got[f], want[f], f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(got)) {
		if want[f] == 0 {
			t.Fatalf("not in the log: %s", f)
		}
	}
}

// mark returns the content of a directory's .processed.
func mark(t *testing.T, root, dir string) logdir.State {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, dir, ".processed"))
	if err != nil {
		t.Fatal(err)
	}
	var s logdir.State
	if err := json.Unmarshal(bytes.TrimSpace(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}
