package loggen_test

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// corpusLogs are real logs of each version that loggen knows, and of each level of 3.2.1.
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

// Each field has a class, such as count or IPv4, that its column has in real logs.
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

// At the default level, the mean length of rows differs from that of real logs by at most a
// tenth.
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

// The values of a row agree with each other.
func TestRowsAreConsistent(t *testing.T) {
	tcp, _ := logOf(t, loggen.Options{Large: 0.02}, loggen.TCP, loggen.Rows(4000))
	var still, resent int // rows of duration 0; directions with retransmissions
	clients := map[string]bool{}
	testkit.EachRow(t, tcp, func(f map[string]string) {
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
		t.Errorf("%d of 4000 rows have the duration 0", still)
	}
	if resent < 80 || resent > 1200 {
		t.Errorf("%d of 8000 directions have retransmissions", resent)
	}
	udp, _ := logOf(t, loggen.Options{Large: 0.02}, loggen.UDP, loggen.Rows(4000))
	testkit.EachRow(t, udp, func(f map[string]string) {
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

// classesOf returns the classes of the fields of each column.
func classesOf(t *testing.T, log []byte) map[string]map[string]bool {
	t.Helper()
	classes := map[string]map[string]bool{}
	testkit.EachRow(t, log, func(f map[string]string) {
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
