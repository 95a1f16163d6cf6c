package fastparse

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// minimal are headers that have only the required columns.
var minimal = [...]string{
	TCP: "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9",
	UDP: "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 s_ip:6 s_port:7 s_first_abs:8 s_durat:9 s_bytes_all:10",
}

func mustParse(t testing.TB, protocol Protocol, header string) *Layout {
	t.Helper()
	l, err := ParseHeader(protocol, []byte(header))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestParseHeader(t *testing.T) {
	udp := minimal[UDP]
	wide := func(n int) string {
		columns := strings.Fields(udp)
		for i := len(columns) + 1; i <= n; i++ {
			columns = append(columns, fmt.Sprintf("x:%d", i))
		}
		return strings.Join(columns, " ")
	}
	const unclear = "a space before the #"
	for input, want := range map[string]string{
		udp:                                 "",
		"#15" + udp:                         "",
		"#zz" + udp:                         "", // any text before the last #
		"\xef\xbb\xbf#15" + udp:             "", // byte-order mark
		"\x00\xff;" + udp:                   "",
		udp[1:]:                             "", // no #
		udp + "\r":                          "",
		udp + " ":                           "",
		udp + " label":                      "",
		udp + " c_ip:11":                    "", // repeated
		udp + " c_port:2":                   "",
		udp + " x#:11 :12 x:y:13 a-b.c:014": "",
		udp + " x#y:11":                     "",
		strings.Replace(udp, "s_ip:6", "s_ip", 1): "",
		strings.Replace(udp, "s_ip", "x#s_ip", 1): "",
		zeroBased(udp):                          "",
		"label:0 " + udp[1:]:                    "",
		wide(MaxColumns):                        "",
		wide(MaxColumns + 1):                    "no header: the first line has 1025 columns, at most 1024",
		"":                                      "no header: the first line lacks these columns of a udp log: c_ip, c_port, s_ip, s_port, c_bytes_all, ",
		"#":                                     "lacks these columns",
		"c_ip:1 c_port:2":                       "of a udp log: s_ip, s_port, c_bytes_all, s_bytes_all, c_first_abs, s_first_abs, c_durat, s_durat",
		strings.ReplaceAll(udp, " ", "\t"):      "lacks these columns",
		strings.Replace(udp, "s_durat", "x", 1): "of a udp log: s_durat",
		minimal[TCP]:                            "of a udp log: c_bytes_all, s_bytes_all, c_first_abs, s_first_abs, c_durat, s_durat",
		"10.0.0.1 80 1":                         "the first line is a row",
		"fd77::c0c 80 1":                        "the first line is a row",
		"10 80 1":                               "lacks these columns",
		" " + udp:                               unclear,
		"x y " + udp:                            unclear,
		"# " + udp[1:]:                          "",
	} {
		_, err := ParseHeader(UDP, []byte(input))
		if want == "" && err != nil {
			t.Errorf("%.80q: %v", input, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80q: error %v, want %s", input, err, want)
		}
	}
}

// zeroBased returns header with its columns numbered from 0, as Tstat 2.4 beta numbers
// them in UDP logs.
func zeroBased(header string) string {
	columns := strings.Fields(header)
	for i, column := range columns {
		name, _, _ := strings.Cut(column, ":")
		columns[i] = fmt.Sprintf("%s:%d", name, i)
	}
	return strings.Join(columns, " ")
}

// shortestLater returns the shortest header that may follow the first line of a log.
func shortestLater(protocol Protocol) string {
	var columns []string
	for i, name := range alwaysWritten[protocol] {
		columns = append(columns, fmt.Sprintf("%s:%d", name, i+1))
	}
	return "#" + strings.Join(columns, " ")
}

// The lengths are those in the comment of MayFollow and in docs/reliability.md.
func TestLengthOfForgedHeader(t *testing.T) {
	for protocol, want := range map[Protocol]int{TCP: 519, UDP: 179} {
		header := shortestLater(protocol)
		if len(header) != want || !mustParse(t, protocol, header).MayFollow() {
			t.Errorf("%s: %d bytes, want %d: %s", protocol, len(header), want, header)
		}
	}
}

// A header inside a log must name the columns that every Tstat writes, start with # and
// number its columns from 1 without a gap.
func TestMayFollow(t *testing.T) {
	header := shortestLater(UDP)
	n := len(alwaysWritten[UDP])
	for input, want := range map[string]bool{
		header:                                           true,
		"#15" + header:                                   true,
		header + "\r":                                    true,
		header + fmt.Sprintf(" x#label:%d", n+1):         true,
		header + fmt.Sprintf(" c_ip:%d", n+1):            true,
		header + " label":                                false,
		header + " ":                                     false,
		header + fmt.Sprintf(" :%d", n+1):                false,
		header + fmt.Sprintf(" x#:%d", n+1):              false,
		header + fmt.Sprintf(" x:y:%d", n+1):             false,
		header + fmt.Sprintf(" x:0%d", n+1):              false,
		header + fmt.Sprintf(" x:%d", n):                 false,
		header + fmt.Sprintf(" x:%d", n+2):               false,
		header[1:]:                                       false,
		"\xef\xbb\xbf" + header:                          false,
		zeroBased(header):                                false,
		strings.Replace(header, "c_type", "c_x", 1):      false,
		strings.Replace(header, "c_port:2", "c_port", 1): false,
		strings.Replace(header, ":2 ", ":2\r ", 1):       false,
	} {
		l, err := ParseHeader(UDP, []byte(input))
		if err != nil || l.MayFollow() != want {
			t.Errorf("%q: MayFollow is %v, error %v, want %v", input, !want, err, want)
		}
	}
}

func TestLayout(t *testing.T) {
	line := []byte(minimal[TCP] + " c_pkts_data:10 s_pkts_data:11 c_pkts_data:12 x#y:13")
	l := mustParse(t, TCP, string(line))
	for name, want := range map[string]int{"c_ip": 0, "last": 8, "c_pkts_data": 9, "s_pkts_data": 10, "y": 12, "x#y": -1, "": -1} {
		if got := l.Column(name); got != want {
			t.Errorf("column %q is %d, want %d", name, got, want)
		}
	}
	for i, want := range map[int]string{0: "c_ip", 11: "c_pkts_data", 12: "y"} {
		if got := l.Name(i); got != want {
			t.Errorf("name of column %d is %q, want %q", i, got, want)
		}
	}
	if !l.Same(line) || l.Same(line[1:]) || l.Same(append(line, ' ')) || (*Layout)(nil).Same(line) {
		t.Error("Same must accept only the header line itself, and no line if the layout is nil")
	}
	line[1] = 'x'
	if l.Header[1] != '1' || l.Same(line) {
		t.Error("the layout refers to the line instead of a copy")
	}
	if TCP.String() != "tcp" || UDP.String() != "udp" {
		t.Errorf("protocols are %s and %s", TCP, UDP)
	}
}

// ParseHeader reads every header of the corpus. A repeated name means its first column.
func TestCorpusHeaders(t *testing.T) {
	headers, widest := 0, 0
	for path, log := range corpus(t) {
		protocol := TCP
		if strings.Contains(path, "udp") {
			protocol = UDP
		}
		for i, line := range bytes.Split(log, []byte("\n")) {
			if i > 0 && !bytes.HasPrefix(line, []byte("#")) || len(line) == 0 {
				continue
			}
			l, err := ParseHeader(protocol, line)
			if strings.Contains(path, "v2.2_no_header") {
				if err == nil {
					t.Errorf("%s: no error for %q", path, line)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, line %d: %v", path, i+1, err)
				continue
			}
			names := make([]string, 0, MaxColumns)
			for token := range strings.FieldsSeq(string(line)) {
				names = append(names, token[strings.LastIndex(token, "#")+1:strings.Index(token, ":")])
			}
			for j, name := range names {
				if l.Name(j) != name || l.Column(name) != slices.Index(names, name) {
					t.Errorf("%s, line %d: column %d is %s, %s at %d", path, i+1, j, l.Name(j), name, l.Column(name))
				}
			}
			headers++
			widest = max(widest, len(names))
		}
	}
	if headers < 40 || widest != 213 {
		t.Errorf("%d headers, the widest of %d columns; want at least 40 and 213", headers, widest)
	}
}

// corpus returns the real TCP and UDP logs by path.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	logs := map[string][]byte{}
	for _, pattern := range []string{"log_tcp_complete*", "log_udp_complete*"} {
		paths, err := filepath.Glob(filepath.Join("../../testdata/corpus/*/*.out", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			logs[path] = testkit.ReadLog(t, path)
		}
	}
	if len(logs) < 30 {
		t.Fatalf("%d logs in the corpus, want at least 30", len(logs))
	}
	return logs
}
