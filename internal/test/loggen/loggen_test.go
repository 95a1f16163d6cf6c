package loggen_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
)

func newGenerator(t testing.TB, o loggen.Options) *loggen.Generator {
	t.Helper()
	g, err := loggen.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func logOf(t testing.TB, o loggen.Options, p loggen.Proto, size loggen.Size) ([]byte, loggen.Books) {
	t.Helper()
	g := newGenerator(t, o)
	write := g.TCP
	if p == loggen.UDP {
		write = g.UDP
	}
	var b bytes.Buffer
	books, err := write(&b, size)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), books
}

// The same options give the same bytes; another seed and another log of a generator
// give others.
func TestDeterministic(t *testing.T) {
	for _, gz := range []bool{false, true} {
		o := loggen.Options{Seed: 7, Dirt: 0.1, Large: 0.1, Cut: true, Gzip: gz}
		one, books := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20))
		two, again := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20))
		if !bytes.Equal(one, two) || books != again {
			t.Errorf("gzip %v: the same options gave two logs", gz)
		}
		o.Seed++
		if other, _ := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20)); bytes.Equal(one, other) {
			t.Errorf("gzip %v: two seeds gave one log", gz)
		}
	}
	g := newGenerator(t, loggen.Options{})
	var logs [2]bytes.Buffer
	for i := range logs {
		if _, err := g.UDP(&logs[i], loggen.Rows(100)); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(logs[0].Bytes(), logs[1].Bytes()) {
		t.Error("one generator made the same log twice")
	}
}

// corpusLogs are real logs of each layout and level that can be made.
var corpusLogs = []struct{ version, level, dir string }{
	{"3.2.1", "", "level15"},
	{"3.2.1", "15", "rotation"},
	{"3.2.1", "00", "level00_core_only"},
	{"3.2.1", "11", "level11_no_p2p"},
	{"3.2.1", "31", "lossy_level31"},
	{"3.1", "15", "v3.1.0_lossy"},
	{"3.0", "15", "v3.0_bulk"},
	{"2.4", "", "v2.4_repeated_headers"},
	{"2.4", "", "v2.4_bulk"},
	{"packetstats-213", "31", "packetstats_213_columns"},
}

// A column holds fields of the classes that it has in real logs, and no others.
func TestRowsAreLikeRealOnes(t *testing.T) {
	known := map[string]map[string]bool{} // classes by protocol and column
	for _, c := range corpusLogs {
		for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
			for name, classes := range classesOf(t, corpusLog(t, c.dir, p)) {
				for class := range classes {
					put(known, p.String()+" "+name, class)
				}
			}
		}
	}
	for _, c := range corpusLogs {
		for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
			made, _ := logOf(t, loggen.Options{Seed: 3, Version: c.version, Level: c.level, Large: 0.05}, p, loggen.Rows(300))
			header, _, _ := bytes.Cut(made, []byte("\n"))
			want, _, _ := bytes.Cut(corpusLog(t, c.dir, p), []byte("\n"))
			if !bytes.Equal(header, want) {
				t.Errorf("%s %s %s: header %s, want %s", c.dir, c.version, p, header, want)
			}
			for name, classes := range classesOf(t, made) {
				for class := range classes {
					if !known[p.String()+" "+name][class] {
						t.Errorf("%s %s: column %s holds %q, real rows hold %v", c.version, p, name, class, known[p.String()+" "+name])
					}
				}
			}
		}
	}
}

// Mean row lengths come near those of real logs: within a tenth at the level that
// sensors write.
func TestRowLengths(t *testing.T) {
	for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
		mean := func(log []byte) float64 {
			header := bytes.IndexByte(log, '\n') + 1
			return float64(len(log)-header) / float64(bytes.Count(log, []byte("\n"))-1)
		}
		made, _ := logOf(t, loggen.Options{}, p, loggen.Rows(5000))
		got, want := mean(made), mean(corpusLog(t, "level15", p))
		if got < 0.9*want || got > 1.1*want {
			t.Errorf("%s: rows of %.0f bytes, real ones have %.0f", p, got, want)
		}
		t.Logf("%s: %.0f bytes a row, real ones %.0f", p, got, want)
	}
}

// What a row says of one flow agrees with itself.
func TestRowsAreConsistent(t *testing.T) {
	tcp, _ := logOf(t, loggen.Options{Large: 0.02}, loggen.TCP, loggen.Rows(4000))
	var still, resent int
	clients := map[string]bool{}
	eachRow(t, tcp, func(f map[string]string) {
		first, last, durat := num(t, f["first"]), num(t, f["last"]), num(t, f["durat"])
		if d := last - first - durat; d < -0.001 || d > 0.001 {
			t.Errorf("last %f - first %f is not durat %f", last, first, durat)
		}
		if durat == 0 {
			still++
		}
		for _, s := range []string{"c_", "s_"} {
			at := func(column string) float64 { return num(t, f[s+column]) }
			if at("pkts_data") > at("pkts_all") || at("ack_cnt") > at("pkts_all") || at("pkts_retx") > at("pkts_data") {
				t.Errorf("%s packets: %v all, %v data, %v acks, %v again", s, at("pkts_all"), at("pkts_data"), at("ack_cnt"), at("pkts_retx"))
			}
			if at("bytes_uniq")+at("bytes_retx") != at("bytes_all") || at("bytes_uniq") > 0 && at("pkts_data") == 0 {
				t.Errorf("%s bytes: %v + %v again, %v all, in %v packets", s, at("bytes_uniq"), at("bytes_retx"), at("bytes_all"), at("pkts_data"))
			}
			if at("rtt_min") > at("rtt_avg") || at("rtt_avg") > at("rtt_max") {
				t.Errorf("%s round-trip times: %v <= %v <= %v", s, at("rtt_min"), at("rtt_avg"), at("rtt_max"))
			}
			for _, event := range []string{"first", "last", "first_ack"} {
				if at(event) > durat {
					t.Errorf("%s%s at %v after the end at %v", s, event, at(event), durat)
				}
			}
			if at("pkts_retx") > 0 {
				resent++
			}
		}
		clients[f["c_ip"]+" "+f["c_port"]] = true
	})
	if len(clients) != 4000 {
		t.Errorf("4000 rows have %d clients", len(clients))
	}
	if still == 0 || still > 200 {
		t.Errorf("%d of 4000 rows last no time", still)
	}
	if resent < 80 || resent > 1200 {
		t.Errorf("%d of 8000 directions have retransmissions", resent)
	}
	udp, _ := logOf(t, loggen.Options{Large: 0.02}, loggen.UDP, loggen.Rows(4000))
	eachRow(t, udp, func(f map[string]string) {
		for _, s := range []string{"c_", "s_"} {
			pkts, bytes, durat := num(t, f[s+"pkts_all"]), num(t, f[s+"bytes_all"]), num(t, f[s+"durat"])
			if pkts == 0 && (bytes > 0 || durat > 0) || pkts == 1 && durat > 0 {
				t.Errorf("%s %v packets, %v bytes in %v s", s, pkts, bytes, durat)
			}
			if (pkts == 0) != (f[s+"first_abs"] == "0.000000") {
				t.Errorf("%s %v packets at %s", s, pkts, f[s+"first_abs"])
			}
		}
	})
}

// The client's address and port give back the number that a row was made with.
func TestClientNumber(t *testing.T) {
	g := newGenerator(t, loggen.Options{})
	for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
		m := g.Maker(p, 1)
		columns := strings.Fields(strings.TrimPrefix(m.Header(), "#15#"))
		server := slices.IndexFunc(columns, func(c string) bool { return strings.HasPrefix(c, "s_ip:") })
		for _, n := range []uint64{0, 1, 2, 1000, 1 << 20, 1<<39 - 1, 123456789012} {
			for range 20 { // IPv4 and IPv6
				row, _ := m.Append(nil, n, time.Unix(1_700_000_000, 0))
				f := strings.Fields(string(row))
				if got, ok := loggen.ClientNumber(f[0], port(t, f[1])); !ok || got != n {
					t.Errorf("client %s %s: number %d %v, want %d", f[0], f[1], got, ok, n)
				}
				if got, ok := loggen.ClientNumber(f[server], port(t, f[server+1])); ok {
					t.Errorf("server %s %s passes for client %d", f[server], f[server+1], got)
				}
			}
		}
	}
}

func TestTree(t *testing.T) {
	for _, gz := range []bool{false, true} {
		root := filepath.Join(t.TempDir(), "logs")
		g := newGenerator(t, loggen.Options{Gzip: gz, Interval: 10 * time.Minute, Start: time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC)})
		books, err := g.Tree(root, 3, 200_000)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var tcp, udp, size int64
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			log := plainLog(t, path)
			n := int64(bytes.Count(log, []byte("\n"))) - 1
			if strings.Contains(path, "tcp") {
				tcp += n
			} else {
				udp += n
			}
			size += int64(len(log))
			name, _ := filepath.Rel(root, path)
			got = append(got, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"2026_11_22_23_50.out/log_tcp_complete", "2026_11_22_23_50.out/log_udp_complete",
			"2026_11_23_00_00.out/log_tcp_complete", "2026_11_23_00_00.out/log_udp_complete",
			"2026_11_23_00_10.out/log_tcp_complete", "2026_11_23_00_10.out/log_udp_complete",
		}
		if gz {
			for i := range want {
				want[i] += ".gz"
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("tree: %q, want %q", got, want)
		}
		if books.Logs != 6 || books.TCPRows != tcp || books.UDPRows != udp || books.Rows != tcp+udp || books.Bytes != size {
			t.Errorf("books %+v, but %d tcp and %d udp rows, %d bytes stand there", books, tcp, udp, size)
		}
		if share := float64(udp) / float64(tcp+udp); share < 0.45 || share > 0.55 {
			t.Errorf("%.2f of the rows are UDP, want a half", share)
		}
		if size < 590_000 || size > 610_000 {
			t.Errorf("%d bytes, want 600000", size)
		}
		if _, err := g.Tree(root, 1, 1000); err == nil {
			t.Error("a tree was written over another")
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []loggen.Options{
		{Version: "2.2"}, {Level: "7"}, {Version: "2.4", Level: "15"}, {Large: 1.1}, {Dirt: -0.1}, {UDPShare: 2},
		{Threshold: -1}, {Interval: time.Second},
	} {
		if _, err := loggen.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// Memory does not grow with a log: nothing is allocated per row.
func TestStreams(t *testing.T) {
	g := newGenerator(t, loggen.Options{})
	allocs := func(rows int64) float64 {
		return testing.AllocsPerRun(3, func() {
			if _, err := g.TCP(io.Discard, loggen.Rows(rows)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(1000), allocs(20000); many > few+2 {
		t.Errorf("%v allocations for 1000 rows, %v for 20000", few, many)
	}
}

// go test -run '^$' -bench . ./internal/test/loggen
func BenchmarkTCP(b *testing.B) { benchmark(b, loggen.TCP) }
func BenchmarkUDP(b *testing.B) { benchmark(b, loggen.UDP) }

func benchmark(b *testing.B, p loggen.Proto) {
	g := newGenerator(b, loggen.Options{Large: 0.001})
	write := g.TCP
	if p == loggen.UDP {
		write = g.UDP
	}
	const size = 8 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := write(io.Discard, loggen.Bytes(size)); err != nil {
			b.Fatal(err)
		}
	}
}

func corpusLog(t *testing.T, dir string, p loggen.Proto) []byte {
	t.Helper()
	paths, err := filepath.Glob("../../../testdata/corpus/" + dir + "/*.out/log_" + p.String() + "_complete")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs in testdata/corpus/%s: %v", dir, err)
	}
	return plainLog(t, paths[0])
}

func plainLog(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// classesOf gives for each column the classes of its fields, and fails on a row whose
// number of fields is not the header's, as no real row without a space in a name has.
func classesOf(t *testing.T, log []byte) map[string]map[string]bool {
	t.Helper()
	classes := map[string]map[string]bool{}
	eachRow(t, log, func(f map[string]string) {
		for name, value := range f {
			put(classes, name, class(value))
		}
	})
	return classes
}

func put(m map[string]map[string]bool, key, value string) {
	if m[key] == nil {
		m[key] = map[string]bool{}
	}
	m[key][value] = true
}

var forms = []struct {
	class string
	form  *regexp.Regexp
}{
	{"count", regexp.MustCompile(`^\d+$`)},
	{"since the epoch", regexp.MustCompile(`^\d{13}\.\d{6}$`)},
	{"six decimals", regexp.MustCompile(`^\d+\.\d{6}$`)},
	{"one decimal", regexp.MustCompile(`^\d+\.\d$`)},
	{"IPv4", regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)},
	{"IPv6", regexp.MustCompile(`^[0-9a-f:]*:[0-9a-f:]*$`)},
	{"none", regexp.MustCompile(`^-+$`)},
	{"name", regexp.MustCompile(`^\S+$`)},
}

func class(value string) string {
	for _, f := range forms {
		if f.form.MatchString(value) {
			return f.class
		}
	}
	return strconv.Quote(value)
}

// eachRow calls f with each whole row's fields by column, the first of each name.
func eachRow(t *testing.T, log []byte, f func(map[string]string)) {
	t.Helper()
	var columns []string
	for line := range strings.Lines(string(log)) {
		line, whole := strings.CutSuffix(line, "\n")
		fields := strings.Split(line, " ")
		switch {
		case !whole:
			continue
		case line[0] == '#':
			columns = nil
			for c := range strings.SplitSeq(line[strings.LastIndexByte(line, '#')+1:], " ") {
				name, _, _ := strings.Cut(c, ":")
				columns = append(columns, name)
			}
			continue
		case len(fields) != len(columns):
			t.Fatalf("%d fields under %d columns: %s", len(fields), len(columns), line)
		}
		row := map[string]string{}
		for i, c := range columns {
			if _, ok := row[c]; !ok {
				row[c] = fields[i]
			}
		}
		f(row)
	}
}

func num(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func port(t *testing.T, s string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}
