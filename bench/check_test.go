package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

const sensorID = "sensor.example.net"

// checkFlows compares out, the encoder's flows of the first block, with the slow reference's. In
// out each flow has a comma in front.
func checkFlows(b testing.TB, k blocks, out []byte) {
	b.Helper()
	log := append([]byte(k.layout.Header+"\n"), k.list[0]...)
	want, err := reference.Read(log, reference.Protocol(k.kind.String()), reference.Settings{Sensor: sensorID})
	if err != nil {
		b.Fatal(err)
	}
	body := append([]byte("["), out[1:]...)
	wantFlows(b, [][]byte{append(body, ']')}, want.Flows())
}

// wantFlows compares the flows of messages with want, as a multiset of JSON values.
func wantFlows(b testing.TB, messages [][]byte, want []message.Flow) {
	b.Helper()
	var got, wanted []string
	for _, body := range messages {
		var flows []json.RawMessage
		if err := json.Unmarshal(body, &flows); err != nil {
			b.Fatalf("a message is no JSON list: %v", err)
		}
		for _, f := range flows {
			got = append(got, reference.MustCanonical(b, f))
		}
	}
	for _, f := range want {
		text, err := json.Marshal(f)
		if err != nil {
			b.Fatal(err)
		}
		wanted = append(wanted, reference.MustCanonical(b, text))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		for i := range min(len(got), len(wanted)) {
			if got[i] != wanted[i] {
				b.Fatalf("%d flows, want %d; the first that differs is\n%s\nwant\n%s", len(got), len(wanted), got[i], wanted[i])
			}
		}
		b.Fatalf("%d flows, want %d", len(got), len(wanted))
	}
}

// keep is a transport that keeps a copy of each message.
type keep struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (k *keep) Send(_ context.Context, m *transport.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bodies = append(k.bodies, slices.Clone(m.Body))
	return nil
}

func (k *keep) Close(context.Context) error { return nil }

// checkPipeline runs the pipeline with these options over small, dirty logs, and compares all
// flows with the slow reference's.
func checkPipeline(b *testing.B, change func(*workers.Options)) {
	b.Helper()
	t := logs(b, "dirty", loggen.Options{Dirt: 0.05, Cut: true}, 2, 200_000)
	var k keep
	run(b, t.path, &k, func(o *workers.Options) {
		change(o)
		o.Threshold = 0
	})
	wantFlows(b, k.bodies, referenceFlows(b, t))
}

// referenceFlows returns the slow reference's flows of a whole tree at threshold 0.
func referenceFlows(b testing.TB, t tree) (flows []message.Flow) {
	b.Helper()
	for name, protocol := range reference.Protocols {
		files, err := filepath.Glob(filepath.Join(t.path, "*", name))
		if err != nil || len(files) == 0 {
			b.Fatalf("no %s below %s: %v", name, t.path, err)
		}
		for _, file := range files {
			log, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			r, err := reference.Read(log, protocol, reference.Settings{Sensor: sensorID})
			if err != nil {
				b.Fatal(err)
			}
			flows = append(flows, r.Flows()...)
		}
	}
	return flows
}
