package reference_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

const testdata = "../../../testdata"

type books struct {
	Rows       int `json:"rows"`
	Malformed  int `json:"malformed"`
	Incomplete int `json:"incomplete"`
	Flows      int `json:"flows"`
}

func TestGolden(t *testing.T) {
	want := goldenBooks(t)
	if len(want) < 17 {
		t.Fatalf("%d names in books.txt, want at least 17", len(want))
	}
	for name, wantBooks := range want {
		t.Run(name, func(t *testing.T) {
			got, flows := readCorpus(t, name, "0")
			if diff := cmp.Diff(wantBooks, got); diff != "" {
				t.Errorf("books (-want +got):\n%s", diff)
			}
			reference.CompareJSON(t, flows, goldenLines(t, name+".jsonl.gz"))
		})
	}
}

func TestGoldenThreshold(t *testing.T) {
	_, flows := readCorpus(t, "bulk_with_1300MB_flow", "1000")
	if len(flows) == 0 {
		t.Error("no flows at threshold 1000")
	}
	reference.CompareJSON(t, flows, goldenLines(t, "bulk_with_1300MB_flow.threshold1000.jsonl.gz"))
}

func TestNoHeader(t *testing.T) {
	for path, protocol := range corpusLogs(t, "v2.2_no_header") {
		_, err := reference.Read(testkit.ReadLog(t, path), protocol, reference.Settings{})
		if !errors.Is(err, reference.ErrNoHeader) {
			t.Errorf("%s: %v, want %v", path, err, reference.ErrNoHeader)
		}
	}
}

// readCorpus reads the logs below testdata/corpus/NAME. It returns their books and their flows
// as JSON.
func readCorpus(t *testing.T, name, threshold string) (total books, flows []string) {
	t.Helper()
	for path, protocol := range corpusLogs(t, name) {
		result, err := reference.Read(testkit.ReadLog(t, path), protocol,
			reference.Settings{Threshold: threshold, Sensor: "sensor.example.net"})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b := result.Books
		if b.Rows != b.Below+b.Sent+b.Malformed || b.Sent != len(result.Rows) || b.Malformed != len(result.Malformed) {
			t.Errorf("%s: the books do not balance: %+v", path, b)
		}
		total.Rows += b.Rows
		total.Malformed += b.Malformed
		total.Incomplete += b.Incomplete
		flows = append(flows, marshal(t, result)...)
	}
	total.Flows = len(flows)
	return total, flows
}

// corpusLogs returns the TCP and UDP logs below testdata/corpus/NAME.
func corpusLogs(t *testing.T, name string) map[string]reference.Protocol {
	t.Helper()
	logs := map[string]reference.Protocol{}
	for _, protocol := range []reference.Protocol{reference.TCP, reference.UDP} {
		paths, err := filepath.Glob(filepath.Join(testdata, "corpus", name, "*.out", "log_"+string(protocol)+"_complete*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			logs[path] = protocol
		}
	}
	if len(logs) < 2 {
		t.Fatalf("%d logs in corpus %s, want both protocols", len(logs), name)
	}
	return logs
}

func goldenLines(t *testing.T, file string) []string {
	t.Helper()
	return strings.FieldsFunc(string(testkit.ReadLog(t, filepath.Join(testdata, "golden", file))), func(r rune) bool { return r == '\n' })
}

func goldenBooks(t *testing.T) map[string]books {
	t.Helper()
	file, err := os.Open(filepath.Join(testdata, "golden", "books.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string]books{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		var b books
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}
