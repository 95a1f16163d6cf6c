package message_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

const golden = "../../testdata/golden/"

func TestGolden(t *testing.T) {
	books, err := os.ReadFile(golden + "books.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(string(books)) {
		names++
		name, wantBooks, _ := strings.Cut(strings.TrimSpace(line), " ")
		t.Run(name, func(t *testing.T) {
			sum := checkGolden(t, name, name+".jsonl.gz", 0)
			got := fmt.Sprintf(`{"rows": %d, "malformed": %d, "incomplete": %d, "flows": %d}`,
				sum.books.Rows, sum.books.Malformed, sum.books.Incomplete, len(sum.flows))
			if got != wantBooks {
				t.Errorf("books %s, want %s", got, wantBooks)
			}
		})
	}
	if names < 17 {
		t.Errorf("%d names in books.txt, want at least 17", names)
	}
}

func TestGoldenThreshold(t *testing.T) {
	const name = "bulk_with_1300MB_flow"
	if sum := checkGolden(t, name, name+".threshold1000.jsonl.gz", 1000); len(sum.flows) == 0 {
		t.Error("no flow")
	}
}

// checkGolden encodes the logs of a corpus and compares their flows with a golden file, as
// JSON values in any order. threshold is in megabytes.
func checkGolden(t *testing.T, name, file string, threshold uint64) encoded {
	t.Helper()
	var want, got []string
	for line := range strings.Lines(string(testkit.ReadLog(t, golden+file))) {
		if line != "\n" { // a log without rows has an empty line
			want = append(want, reference.MustCanonical(t, []byte(line)))
		}
	}
	var sum encoded
	e := message.NewEncoder(message.Settings{Sensor: "sensor.example.net"})
	for path, protocol := range corpusLogs(t, name) {
		log, err := encodeLog(t, e, protocol, testkit.ReadLog(t, path), threshold*1e6, 100_000)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		sum.flows = append(sum.flows, log.flows...)
		sum.books.Rows += log.books.Rows
		sum.books.Malformed += log.books.Malformed
		sum.books.Incomplete += log.books.Incomplete
	}
	for _, flow := range sum.flows {
		got = append(got, reference.MustCanonical(t, flow))
	}
	slices.Sort(want)
	slices.Sort(got)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("first difference:\n got %s\nwant %s", got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d flows, want %d", len(got), len(want))
	}
	return sum
}
