package workers_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// A log gives the same flows with any form of header line that names the columns.
func TestFirstLines(t *testing.T) {
	numbers := regexp.MustCompile(`:(\d+)`)
	for _, name := range []string{"log_tcp_complete", "log_udp_complete"} {
		lines := realLog(t, "level15", name)
		lines[len(lines)-1] += "\n"
		log := strings.Join(lines, "")
		kind := reference.Protocol(strings.Split(name, "_")[1])
		want := wantFlows(t, readReference(t, []byte(log), kind, 0))
		if len(want) == 0 {
			t.Fatal("no flows to compare")
		}
		header := strings.TrimSuffix(lines[0], "\n")
		zero := func(s string) string {
			i := -1
			return numbers.ReplaceAllStringFunc(s, func(string) string { i++; return fmt.Sprintf(":%d", i) })
		}
		for form, other := range map[string]string{
			"from zero":       zero(header),
			"number missing":  regexp.MustCompile(`s_port:\d+`).ReplaceAllString(header, "s_port"),
			"no numbers":      numbers.ReplaceAllString(header, ""),
			"number repeated": strings.Replace(header, "c_port:2", "c_port:1", 1),
			"label":           header + " label",
			"trailing space":  header + " ",
			"byte-order mark": "\xef\xbb\xbf" + header,
			"bytes before #":  "\x00\xff;" + header,
			"no #":            header[strings.LastIndexByte(header, '#')+1:],
			"name repeated":   header + " c_ip:1",
			"CR LF":           header + "\r",
		} {
			text := other + "\n" + strings.Join(lines[1:], "")
			if form == "CR LF" {
				text = strings.ReplaceAll(log, "\n", "\r\n")
			}
			t.Run(name+"/"+form, func(t *testing.T) {
				root := t.TempDir()
				writeLog(t, root, dirName, name, []byte(text))
				to := newArchive()
				if outcome, n := run(t.Context(), t, root, to, nil); outcome != (workers.Outcome{}) || n.Malformed.Load() > 0 {
					t.Fatalf("%+v, %d rows malformed", outcome, n.Malformed.Load())
				}
				diff(t, to.flows(t), want)
				again := newArchive()
				writeLog(t, root, dirName, name, []byte(text+lines[1]))
				run(t.Context(), t, root, again, nil)
				diff(t, again.flows(t), wantFlows(t, readReference(t, []byte(header+"\n"+lines[1]), kind, 0)))
			})
		}
	}
}

// A last row that was sent without its line end is not sent again when CR LF arrives.
func TestTailAndCarriageReturn(t *testing.T) {
	const header = "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9"
	const row = "10.0.0.1 80 10.0.0.2 443 5 6 1.5 1795379200706.312012 1795379200708.312012"
	root := t.TempDir()
	const name = "log_tcp_complete"
	for i, c := range []struct {
		log   string
		flows int
	}{{header + "\r\n" + row, 2}, {header + "\r\n" + row + "\r", 0}, {header + "\r\n" + row + "\r\n", 0}} {
		writeLog(t, root, dirName, name, []byte(c.log))
		to := newArchive()
		if outcome, _ := run(t.Context(), t, root, to, nil); outcome != (workers.Outcome{}) {
			t.Fatalf("%d: %+v", i, outcome)
		}
		if got := to.flows(t); len(got) != c.flows {
			t.Errorf("%d: %d flows, want %d", i, len(got), c.flows)
		}
	}
}

// An empty line of which only the CR has arrived is not counted as a row, also when its
// newline arrives.
func TestTailOfOnlyCarriageReturn(t *testing.T) {
	const header = "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9"
	const row = "10.0.0.1 80 10.0.0.2 443 5 6 1.5 1795379200706.312012 1795379200708.312012"
	root := t.TempDir()
	const name = "log_tcp_complete"
	log := header + "\r\n" + row + "\r\n\r"
	for i, more := range []string{"", "\n", row + "\r\n"} {
		log += more
		writeLog(t, root, dirName, name, []byte(log))
		if outcome, _ := run(t.Context(), t, root, newArchive(), nil); outcome != (workers.Outcome{}) {
			t.Fatalf("%d: %+v", i, outcome)
		}
		s := mark(t, root, dirName).Logs[name]
		// Line counts the rows, the header line, and the empty line once its newline is there.
		if rows := [...]int64{1, 1, 2}[i]; s.Rows != rows || s.Below != 0 || s.Line != rows+1+int64(min(i, 1)) || s.Tail != nil {
			t.Errorf("%d: %+v, want %d rows, none below the threshold, no tail", i, s, rows)
		}
	}
}

// A log without a header, a header that lacks columns, and a header that is too long have
// different errors.
func TestNoHeaderMessages(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1 80 10.0.0.2 443 5 6 1.5 7 8\n":                    fastparse.ErrFirstRow.Error(),
		"#c_ip:1 c_port:2 s_ip:3 s_port:4 durat:5 first:6 last:7\n": "lacks these columns of a tcp log: c_bytes_uniq, s_bytes_uniq",
		"#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9 " + strings.Repeat("x", 262_144-86) + "\n": "the first line has 262144 bytes, at most 262143 are supported",
	} {
		root := t.TempDir()
		writeLog(t, root, dirName, "log_tcp_complete", []byte(text))
		var log bytes.Buffer
		outcome, _ := run(t.Context(), t, root, newArchive(), func(o *workers.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		if outcome.IOErrors != 1 || !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "log_tcp_complete") {
			t.Errorf("%q: %+v, log %s, want %s", text, outcome, &log, want)
		}
		if _, err := os.Stat(filepath.Join(root, dirName, ".processed")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: marked (%v)", text, err)
		}
	}
}
