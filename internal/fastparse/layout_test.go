package fastparse

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// minimal are headers with the required columns and no other.
var minimal = [...]string{
	TCP: "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9",
	UDP: "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 s_ip:6 s_port:7 s_first_abs:8 s_durat:9 s_bytes_all:10",
}

func mustParse(t testing.TB, kind Protocol, header string) *Layout {
	t.Helper()
	l, err := ParseHeader(kind, []byte(header))
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
	for input, want := range map[string]string{
		udp:         "",
		"#15" + udp: "",
		"#zz" + udp: "", // whatever stands before the last #
		strings.Replace(udp, "s_ip", "x#s_ip", 1): "",
		udp + " c_ip:11":                        "", // repeated
		udp + " a-b.c:11":                       "",
		wide(MaxColumns):                        "",
		wide(MaxColumns + 1):                    "1025 columns, at most 1024",
		"":                                      "no header line",
		"c_ip:1 c_port:2":                       "no header line",
		"10.0.0.1 80 1":                         "no header line",
		"#":                                     `column 1 is "#", not NAME:1`,
		"# " + udp[1:]:                          `column 1 is "#"`,
		udp + " ":                               `column 11 is ""`,
		udp + "\r":                              `column 10 is "s_bytes_all:10\r"`,
		udp + " x":                              `column 11 is "x"`,
		udp + " :11":                            `column 11 is ":11"`,
		udp + " x#:11":                          `column 11 is "x#:11"`,
		udp + " x:y:11":                         `column 11 is "x:y:11"`,
		udp + " x:011":                          `column 11 is "x:011"`,
		udp + " x:10":                           `column 11 is "x:10"`,
		udp + " x:12":                           `column 11 is "x:12"`,
		strings.Replace(udp, " ", "  ", 1):      `column 2 is ""`,
		strings.Replace(udp, "s_durat", "x", 1): "udp log without column s_durat",
		minimal[TCP]:                            "udp log without column c_bytes_all",
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
		t.Error("Same is wrong about the header line, one that is shorter, one that is longer, or no layout")
	}
	line[1] = 'x'
	if l.Header[1] != '1' || l.Same(line) {
		t.Error("the layout borrowed the line")
	}
	if TCP.String() != "tcp" || UDP.String() != "udp" {
		t.Errorf("kinds are %s and %s", TCP, UDP)
	}
}

// Every header of the corpus is read, each column found where it first stands.
func TestCorpusHeaders(t *testing.T) {
	headers, widest := 0, 0
	for path, log := range corpus(t) {
		kind := TCP
		if strings.Contains(path, "udp") {
			kind = UDP
		}
		for i, line := range bytes.Split(log, []byte("\n")) {
			if i > 0 && !bytes.HasPrefix(line, []byte("#")) || len(line) == 0 {
				continue
			}
			l, err := ParseHeader(kind, line)
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

// corpus returns the real TCP and UDP logs by path; of a cut gzip stream what
// there is.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	logs := map[string][]byte{}
	for _, pattern := range []string{"log_tcp_complete*", "log_udp_complete*"} {
		paths, err := filepath.Glob(filepath.Join("../../testdata/corpus/*/*.out", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(path, ".gz") && len(content) > 0 {
				zip, err := gzip.NewReader(bytes.NewReader(content))
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				content, _ = io.ReadAll(zip) // as far as it goes
			}
			logs[path] = content
		}
	}
	if len(logs) < 30 {
		t.Fatalf("%d logs in the corpus, want at least 30", len(logs))
	}
	return logs
}
