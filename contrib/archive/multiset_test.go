package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	sent "tstat-transport/internal/message"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

const testdata = "../../testdata"

func TestMain(m *testing.M) { rabbittest.Main(m) }

// multiset counts flows by value.
type multiset map[string]int

// wantFlows compares the flows in the table with want.
func wantFlows(t testing.TB, url string, want multiset) {
	t.Helper()
	got := table(t, url)
	missing, surplus := 0, 0
	for _, flow := range slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got)) {
		n := got[flow] - want[flow]
		if n < 0 {
			missing -= n
		} else {
			surplus += n
		}
		if n != 0 && missing+surplus < 4 {
			t.Errorf("%d times in the table, want %d: %s", got[flow], want[flow], flow)
		}
		delete(want, flow)
		delete(got, flow)
	}
	if missing+surplus > 0 {
		t.Errorf("%d flows are missing, %d are too many", missing, surplus)
	}
}

func (m multiset) size() (n int) {
	for _, count := range m {
		n += count
	}
	return n
}

// addFlows adds flows that the reference reader has made.
func (m multiset) addFlows(t testing.TB, flows []sent.Flow) {
	t.Helper()
	for _, f := range flows {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		m.addJSON(t, text)
	}
}

// addJSON adds a flow in the form that canonical gives it.
func (m multiset) addJSON(t testing.TB, text []byte) {
	t.Helper()
	var f struct {
		Values, Meta map[string]any
		Start, End   json.Number
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	all := f.Values
	maps.Copy(all, f.Meta)
	all["started"], all["ended"] = f.Start, f.End
	delete(all, "flow_type")
	if all["instance_id"] == json.Number("0") {
		all["instance_id"] = nil
	}
	m[canonical(t, all)]++
}

// canonical returns a text that is the same for equal flows: columns in the order of their
// names, and numbers by value.
func canonical(t testing.TB, flow map[string]any) string {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(slices.Values(columns)) {
		v := flow[name]
		switch x := v.(type) {
		case json.Number:
			f, err := strconv.ParseFloat(string(x), 64)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := strconv.ParseInt(string(x), 10, 64); err == nil && n >= 1<<53 {
				v = n
			} else {
				v = f
			}
		case int64:
			if x < 1<<53 {
				v = float64(x)
			}
		case int32:
			v = float64(x)
		case time.Time:
			v = float64(x.Unix())
		case netip.Prefix:
			v = x.Addr().String()
		case netip.Addr:
			v = x.String()
		case string:
			if a, err := netip.ParseAddr(x); err == nil && strings.HasSuffix(name, "_ip") {
				v = a.String()
			}
		}
		fmt.Fprintf(&b, "%s=%v ", name, v)
	}
	return b.String()
}

// table reads the table flows.
func table(t testing.TB, url string) multiset {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "SELECT * FROM flows")
	if err != nil {
		t.Fatal(err)
	}
	flows := multiset{}
	for rows.Next() {
		row, err := pgx.RowToMap(rows)
		if err != nil {
			t.Fatal(err)
		}
		flows[canonical(t, row)]++
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return flows
}

// golden returns the flows of the real logs below testdata/corpus.
func golden(t testing.TB) multiset {
	t.Helper()
	files, err := filepath.Glob(testdata + "/golden/*.jsonl.gz")
	if err != nil || len(files) < 17 {
		t.Fatalf("only %d files of flows: %v", len(files), err)
	}
	all := multiset{}
	for _, file := range files {
		if strings.Contains(file, "threshold") { // another file holds all flows of the same log
			continue
		}
		for line := range strings.Lines(string(testkit.ReadLog(t, file))) {
			if line != "\n" {
				all.addJSON(t, []byte(line))
			}
		}
	}
	return all
}

// messagesOf returns the bodies of messages of up to n flows each.
func messagesOf(flows []json.RawMessage, n int) (bodies [][]byte) {
	for part := range slices.Chunk(flows, n) {
		body, _ := json.Marshal(part)
		bodies = append(bodies, body)
	}
	return bodies
}

// goldenFlows returns the flows of one log as their JSON.
func goldenFlows(t testing.TB, name string) (flows []json.RawMessage) {
	t.Helper()
	for line := range strings.Lines(string(testkit.ReadLog(t, filepath.Join(testdata, "golden", name+".jsonl.gz")))) {
		flows = append(flows, json.RawMessage(strings.TrimSpace(line)))
	}
	return flows
}

func asDelivery(id string, body []byte) amqp.Delivery {
	return amqp.Delivery{MessageId: id, Body: body}
}

// copyLogs copies all real logs that have a header to root.
func copyLogs(t testing.TB, root string) {
	t.Helper()
	if err := os.CopyFS(root, os.DirFS(testdata+"/corpus")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, "v2.2_no_header")); err != nil {
		t.Fatal(err)
	}
}
