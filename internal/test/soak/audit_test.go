package soak

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/reference"
)

// owedMessage is a message that must arrive.
type owedMessage struct {
	log      string // SENSOR/INSTANCE/DIRECTORY/LOG
	from, to int64  // byte range in the log
	flows    string // JSON in canonical form
}

// audit compares the messages of each run with the logs of a root, and with the state files
// that the run before has left. The logs do not change.
type audit struct {
	t        testing.TB
	root     string
	owed     map[string]owedMessage // by message id
	seen     map[string][32]byte    // hashes of the bodies that arrived, by message id
	repeated int                    // arrivals of messages that had arrived before

	// confirmed holds how far each log is confirmed by the state files of the last run.
	confirmed map[string]int64
}

func newAudit(t testing.TB, root string) *audit {
	t.Helper()
	a := &audit{t: t, root: root, owed: map[string]owedMessage{}, seen: map[string][32]byte{}, confirmed: map[string]int64{}}
	for _, dir := range directories(t, root) {
		for name, protocol := range reference.Protocols {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			result, err := reference.Read(content, protocol, reference.Settings{Threshold: "0", Sensor: sensor})
			if err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
			log := sensor + "/0/" + filepath.Base(dir) + "/" + name
			for _, m := range reference.Messages(result) {
				text, err := json.Marshal(m.Flows)
				if err != nil {
					t.Fatal(err)
				}
				a.owed[m.ID(log, text)] = owedMessage{log, m.From, m.To, reference.MustCanonical(t, text)}
			}
		}
	}
	if len(a.owed) < 50 {
		t.Fatalf("only %d messages: too few to kill a run between two", len(a.owed))
	}
	return a
}

// checkRun compares the messages that arrived from a run that has ended with the logs and with
// the state files of the run before. It then compares the state files that the run has left with
// all messages that have arrived.
func (a *audit) checkRun(what string, arrived []amqp091.Delivery) {
	a.t.Helper()
	wrong := 0
	complain := func(format string, args ...any) {
		a.t.Helper()
		if wrong++; wrong <= 5 {
			a.t.Errorf(what+": "+format, args...)
		}
	}
	fromThisRun := map[string]bool{}
	for _, d := range arrived {
		owed, known := a.owed[d.MessageId]
		if !known {
			complain("message %s is not a message of a log", d.MessageId)
			continue
		}
		body := sha256.Sum256(d.Body)
		before, again := a.seen[d.MessageId]
		switch {
		case again && before != body:
			complain("message %s came again with other bytes", d.MessageId)
		case !again && reference.MustCanonical(a.t, d.Body) != owed.flows:
			complain("message %s differs from the reference's", d.MessageId)
		}
		if owed.from < a.confirmed[owed.log] {
			complain("message %s came again, though the state files had its log confirmed up to %d", d.MessageId, a.confirmed[owed.log])
		}
		if fromThisRun[d.MessageId] {
			complain("message %s came twice from one run", d.MessageId)
		}
		if again {
			a.repeated++
		}
		fromThisRun[d.MessageId], a.seen[d.MessageId] = true, body
	}

	a.confirmed = map[string]int64{}
	for _, dir := range directories(a.t, a.root) {
		for _, name := range []string{".processing", ".processed"} { // if both exist, .processed counts
			for log, s := range a.state(filepath.Join(dir, name)) {
				log = sensor + "/0/" + filepath.Base(dir) + "/" + log
				a.confirmed[log] = max(a.confirmed[log], s.Position)
				if name == ".processed" { // the log is done up to its end
					a.confirmed[log] = s.End
				}
			}
		}
	}
	for id, m := range a.owed {
		if _, ok := a.seen[id]; !ok && m.from < a.confirmed[m.log] {
			complain("the state files have %s confirmed up to %d, and message %s has not arrived", m.log, a.confirmed[m.log], id)
		}
	}
}

type logState struct{ Position, End int64 }

// state reads a state file, which must be whole. It returns nil for a missing file.
func (a *audit) state(path string) map[string]logState {
	a.t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		a.t.Fatal(err)
	}
	var s struct{ Logs map[string]logState }
	if err := json.Unmarshal(b, &s); err != nil || !strings.HasSuffix(string(b), "\n") {
		a.t.Errorf("%s is torn: %v: %q", path, err, b)
	}
	return s.Logs
}

// wantComplete wants every message to have arrived and every directory to be marked.
func (a *audit) wantComplete() {
	a.t.Helper()
	for id := range a.owed {
		if _, ok := a.seen[id]; !ok {
			a.t.Errorf("message %s has not arrived", id)
		}
	}
	for _, dir := range directories(a.t, a.root) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			a.t.Fatal(err)
		}
		var hidden []string
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				hidden = append(hidden, e.Name())
			}
		}
		if fmt.Sprint(hidden) != "[.processed]" {
			a.t.Errorf("%s holds %q, want .processed alone", dir, hidden)
		}
	}
}
