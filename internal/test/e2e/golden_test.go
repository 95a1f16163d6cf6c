package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

const goldenSensor = "sensor.example.net"

// TestGolden prints the messages of every real log, and compares the flows and the summary
// with the golden files.
func TestGolden(t *testing.T) {
	books, err := os.ReadFile(filepath.Join(testdata, "golden", "books.txt"))
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(string(books)) {
		names++
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want map[string]int
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			corpus(t, name, root)
			before := listing(t, root)
			r := run(t, "tstat_send", "-N", "-T", "0", "-S", goldenSensor, "-d", root).want(allDone)
			for key, n := range want {
				if got := r.count(key); got != n {
					t.Errorf("the summary says %s=%d, want %d", key, got, n)
				}
			}
			golden := goldenFlows(t, name+".jsonl.gz")
			reference.CompareJSON(t, flowsIn(t, r.Out), golden)

			r = run(t, "tstat_send", "-N", "-T", "1000", "-S", goldenSensor, "-d", root).want(allDone)
			large := slices.DeleteFunc(golden, func(flow string) bool { return bits(t, flow) < 8e9 })
			reference.CompareJSON(t, flowsIn(t, r.Out), large)
			if after := listing(t, root); after != before {
				t.Errorf("-N has changed the directories from\n%s\nto\n%s", before, after)
			}
		})
	}
	if names < 17 {
		t.Errorf("%d names in books.txt, want at least 17", names)
	}
}

func TestLogWithoutHeader(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	corpus(t, "v2.2_no_header", root)
	corpus(t, "lossy_level31", root)
	r := run(t, "tstat_send", "-N", "-T", "0", "-d", root).want(ioTrouble, "no header", tcpLog, udpLog)
	if got := len(flowsIn(t, r.Out)); got != 572 {
		t.Errorf("%d flows, want the 572 of the log that can be read", got)
	}
}

// TestPretty: --pretty changes white space only.
func TestPretty(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	corpus(t, "v3.0_bulk", root)
	plain := run(t, "tstat_send", "-N", "-T", "0", "-S", "s", "-w", "1", "-d", root).want(allDone)
	pretty := run(t, "tstat_send", "-N", "-T", "0", "-S", "s", "-w", "1", "-d", root, "--pretty").want(allDone)
	if !strings.Contains(pretty.Out, "\n    \"type\": \"flow\"") {
		t.Errorf("not indented: %.200s", pretty.Out)
	}
	reference.CompareJSON(t, flowsIn(t, pretty.Out), flowsIn(t, plain.Out))
}

func goldenFlows(t *testing.T, file string) []string {
	t.Helper()
	text := string(testkit.ReadLog(t, filepath.Join(testdata, "golden", file)))
	return strings.FieldsFunc(text, func(c rune) bool { return c == '\n' })
}

// flowsIn returns the flows of messages that stand one after the other in out, as -N prints
// them.
func flowsIn(t *testing.T, out string) []string {
	t.Helper()
	var all []string
	d := json.NewDecoder(strings.NewReader(out))
	for d.More() {
		var flows []json.RawMessage
		if err := d.Decode(&flows); err != nil {
			t.Fatalf("a message is no list of flows: %v", err)
		}
		if len(flows) < 1 || len(flows) > reference.MaxFlows {
			t.Errorf("a message of %d flows", len(flows))
		}
		for _, flow := range flows {
			all = append(all, string(flow))
		}
	}
	return all
}

func bits(t *testing.T, flow string) float64 {
	t.Helper()
	var f struct {
		Values struct {
			Bits float64 `json:"num_bits"`
		} `json:"values"`
	}
	if err := json.Unmarshal([]byte(flow), &f); err != nil {
		t.Fatal(err)
	}
	return f.Values.Bits
}
