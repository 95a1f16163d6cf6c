package workers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// longestName is the length of the longest name in the DNS. Names of other protocols are
// not longer.
const longestName = 253

// realLog returns the lines of a log that Tstat wrote, its header first.
func realLog(t *testing.T, corpus, name string) []string {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/corpus/" + corpus + "/*/" + name)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s/%s: %v", corpus, name, err)
	}
	text, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
}

// named returns row with name as the text of a column.
func named(t *testing.T, header, row, column, name string) string {
	t.Helper()
	at := slices.IndexFunc(strings.Fields(header), func(f string) bool { return strings.HasPrefix(f, column+":") })
	fields := strings.Split(row, " ")
	if at < 0 || at >= len(fields) {
		t.Fatalf("no column %s", column)
	}
	fields[at] = name
	return strings.Join(fields, " ")
}

// numbered returns a header line with these columns.
func numbered(columns string) string {
	fields := strings.Fields(columns)
	for i := range fields {
		fields[i] = fmt.Sprintf("%s:%d", fields[i], i+1)
	}
	return "#" + strings.Join(fields, " ")
}

// A name with newlines, and with text that looks like lines of a log, damages at most its
// own row, unless the name contains a complete header line.
func TestForgedLines(t *testing.T) {
	for _, log := range []struct{ name, column string }{{"log_tcp_complete", "c_tls_SNI"}, {"log_udp_complete", "fqdn"}} {
		rows := realLog(t, "level15", log.name)
		header := strings.TrimSuffix(rows[0], "\n")
		for _, name := range []string{
			"\n", "\n\n", "\n#\n", "\n" + header[:longestName-2] + "\n", "\n#15#\n", "\n#c_ip:1 c_port:2\n", " \n ", "\n\x00\n",
			"\n" + strings.TrimPrefix(header, "#")[:200] + "\n", "\n10.0.0.1 80 10.0.0.2 443\n", "\n" + rows[1][:60] + "\n", "a\n#" + strings.Repeat("x", 250),
			"\n" + numbered("c_ip c_port s_ip s_port c_bytes_uniq s_bytes_uniq durat first last") + "\n",
			"\n" + numbered("c_ip c_port s_ip s_port c_first_abs s_first_abs c_durat s_durat c_bytes_all s_bytes_all") + "\n",
		} {
			hostile := slices.Clone(rows)
			hostile[1] = named(t, rows[0], rows[1], log.column, name)
			root := t.TempDir()
			writeLog(t, root, dirName, log.name, []byte(strings.Join(hostile, "")))
			to := newArchive()
			outcome, n := run(t.Context(), t, root, to, nil)
			if outcome != (workers.Outcome{}) {
				t.Fatalf("%q: %+v", name, outcome)
			}
			kind := reference.TCP
			if strings.Contains(log.name, "udp") {
				kind = reference.UDP
			}
			got, want := to.flows(t), wantFlows(t, readReference(t, []byte(strings.Join(rows, "")), kind, 0))
			for flow, times := range want {
				if got[flow] != times {
					t.Fatalf("%s, name %q: %d times, want %d: %s", log.name, name, got[flow], times, flow)
				}
			}
			if extra := len(got) - len(want); extra > 0 || n.Malformed.Load() > 3 {
				t.Errorf("%s, name %q: %d flows too many, %d rows malformed", log.name, name, extra, n.Malformed.Load())
			}
		}
	}
}

// alwaysWritten holds the columns that a header inside a log must have.
var alwaysWritten = map[string]string{
	"log_tcp_complete": "c_ip c_port c_pkts_all c_rst_cnt c_ack_cnt c_ack_cnt_p c_bytes_uniq c_pkts_data c_bytes_all c_pkts_retx " +
		"c_bytes_retx c_pkts_ooo c_syn_cnt c_fin_cnt s_ip s_port s_pkts_all s_rst_cnt s_ack_cnt s_ack_cnt_p s_bytes_uniq s_pkts_data " +
		"s_bytes_all s_pkts_retx s_bytes_retx s_pkts_ooo s_syn_cnt s_fin_cnt first last durat c_first s_first c_last s_last " +
		"c_first_ack s_first_ack c_isint s_isint con_t p2p_t http_t",
	"log_udp_complete": "c_ip c_port c_first_abs c_durat c_bytes_all c_pkts_all c_isint c_type " +
		"s_ip s_port s_first_abs s_durat s_bytes_all s_pkts_all s_isint s_type",
}

// A complete header is longer than both names of a TCP row together, but fits into a name
// of a UDP row, and then applies. The rows after it may be wrong up to the end of the log or
// Tstat's next header line. The program logs where the header is, and the books balance.
func TestForgedHeader(t *testing.T) {
	if n := len(numbered(alwaysWritten["log_tcp_complete"])); n <= 2*255 {
		t.Errorf("a header of a TCP log takes %d bytes", n)
	}
	const name = "log_udp_complete"
	short := numbered("x y " + alwaysWritten[name])
	if len(short)+2 > longestName {
		t.Fatalf("%d bytes do not fit into a name: a header in a name is no longer possible", len(short))
	}
	rows := realLog(t, "level15", name)
	forged := slices.Clone(rows)
	forged[3] = named(t, rows[0], rows[3], "fqdn", "\n"+short+"\n")
	again := slices.Concat(forged, []string{"\n"}, rows)
	root := t.TempDir()
	const other = "2026_11_23_11_00.out"
	writeLog(t, root, dirName, name, []byte(strings.Join(forged, "")))
	writeLog(t, root, dirName, "log_tcp_complete", []byte(strings.Join(realLog(t, "level15", "log_tcp_complete"), "")))
	writeLog(t, root, other, name, []byte(strings.Join(again, "")))
	to := newArchive()
	var log bytes.Buffer
	outcome, n := run(t.Context(), t, root, to, func(o *workers.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if outcome != (workers.Outcome{}) {
		t.Fatalf("%+v", outcome)
	}
	got := to.flows(t)
	atLeast := func(lines []string, times int) {
		t.Helper()
		for flow, n := range wantFlows(t, readReference(t, []byte(strings.Join(lines, "")), reference.UDP, 0)) {
			if got[flow] < n*times {
				t.Errorf("%d times, want %d: %s", got[flow], n*times, flow)
			}
		}
	}
	atLeast(rows[:4], 3) // before the forged line in both logs, and after Tstat's second header
	atLeast(rows, 1)     // after Tstat's second header
	if !strings.Contains(log.String(), "header_changed") || !strings.Contains(log.String(), "columns=18 before=23") {
		t.Errorf("no warning of the forged header:\n%s", &log)
	}
	if n.Malformed.Load() == 0 {
		t.Error("no row is malformed")
	}
	if len(mark(t, root, dirName).Logs) != 2 || len(mark(t, root, other).Logs) != 1 {
		t.Error("not marked")
	}
}
