package message_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
)

const corpus = "../../testdata/corpus"

// readLog returns the uncompressed content of a log, as far as it goes.
func readLog(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") && len(content) > 0 {
		z, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		content, err = io.ReadAll(z)
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
	}
	return content
}

// encodeLog returns the flows of a whole log, one an element, and its books.
func encodeLog(e *message.Encoder, kind fastparse.Kind, log []byte, threshold uint64) (flows []string, rows, malformed, incomplete int) {
	if len(log) == 0 {
		return
	}
	tail := log[len(log)-1] != '\n'
	block := slices.Clip(append(bytes.Clone(log), '\n'))
	if !tail {
		block = block[:len(log)]
	}
	block = slices.Grow(block, fastparse.Slack)
	var s fastparse.Scanner
	end := bytes.IndexByte(block, '\n')
	layout, err := fastparse.ParseHeader(kind, block[:end])
	if err != nil {
		return
	}
	s.Reset(block, layout, threshold)
	bad := func() {
		if tail && s.End == len(block)-1 {
			incomplete++
		} else {
			malformed++
		}
	}
	var out []byte
	for ev := s.Next(); ev != fastparse.End; ev = s.Next() {
		switch ev {
		case fastparse.Hash:
			if l, err := fastparse.ParseHeader(kind, s.Line()); err == nil {
				s.SetLayout(l)
			} else {
				bad()
			}
		case fastparse.Malformed:
			bad()
		case fastparse.Row:
			o, n, reason := e.Row(out[:0], &s, block, threshold)
			out = o
			if n == 0 {
				if reason.Why == "" {
					panic("no flow and no reason")
				}
				bad()
				continue
			}
			rows++
			var list []json.RawMessage
			if err := json.Unmarshal(append([]byte("["), append(out[1:], ']')...), &list); err != nil || len(list) != n {
				panic(fmt.Sprintf("%v: %s", err, out))
			}
			for _, f := range list {
				flows = append(flows, string(f))
			}
		}
	}
	return flows, rows + s.Below + malformed, malformed, incomplete
}

// canonical returns a JSON value with its keys sorted.
func canonical(t testing.TB, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestGolden(t *testing.T) {
	books, err := os.ReadFile("../../testdata/golden/books.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(books)) {
		name, wantBooks, _ := strings.Cut(strings.TrimSpace(line), " ")
		t.Run(name, func(t *testing.T) {
			for _, threshold := range []uint64{0, 1000} {
				golden := "../../testdata/golden/" + name + ".jsonl.gz"
				if threshold > 0 {
					golden = "../../testdata/golden/" + name + ".threshold1000.jsonl.gz"
					if _, err := os.Stat(golden); err != nil {
						continue
					}
				}
				var want, got []string
				for line := range strings.Lines(string(readLog(t, golden))) {
					if line != "\n" { // the golden file of a log without rows
						want = append(want, canonical(t, line))
					}
				}
				e := message.NewEncoder(message.Settings{Sensor: "sensor.example.net"})
				var rows, malformed, incomplete int
				logs, _ := filepath.Glob(filepath.Join(corpus, name, "*.out", "log_*_complete*"))
				for _, path := range logs {
					kind := fastparse.TCP
					switch {
					case strings.Contains(path, "log_udp_complete"):
						kind = fastparse.UDP
					case !strings.Contains(path, "log_tcp_complete"):
						continue
					}
					flows, r, m, i := encodeLog(e, kind, readLog(t, path), threshold*1e6)
					rows, malformed, incomplete = rows+r, malformed+m, incomplete+i
					for _, f := range flows {
						got = append(got, canonical(t, f))
					}
				}
				slices.Sort(want)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("threshold %d: %d flows, want %d", threshold, len(got), len(want))
					for i := range min(len(got), len(want)) {
						if got[i] != want[i] {
							t.Fatalf("first difference:\n got %s\nwant %s", got[i], want[i])
						}
					}
				}
				if threshold == 0 {
					gotBooks := fmt.Sprintf(`{"rows": %d, "malformed": %d, "incomplete": %d, "flows": %d}`, rows, malformed, incomplete, len(got))
					if gotBooks != wantBooks {
						t.Errorf("books %s, want %s", gotBooks, wantBooks)
					}
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, kind := range []fastparse.Kind{fastparse.TCP, fastparse.UDP} {
		b.Run(kind.String(), func(b *testing.B) {
			log := readLog(b, corpus+"/rotation/2026_11_22_22_30.out/log_"+kind.String()+"_complete")
			end := bytes.IndexByte(log, '\n')
			layout, err := fastparse.ParseHeader(kind, log[:end])
			if err != nil {
				b.Fatal(err)
			}
			block := slices.Grow(log[end+1:], fastparse.Slack)
			var s fastparse.Scanner
			e := message.NewEncoder(message.Settings{Sensor: "sensor.example.net"})
			var out []byte
			flows := 0
			b.ReportAllocs()
			for b.Loop() {
				out = out[:0]
				s.Reset(block, layout, 0)
				for ev := s.Next(); ev != fastparse.End; ev = s.Next() {
					o, n, _ := e.Row(out, &s, block, 0)
					out = o
					flows += n
				}
			}
			b.SetBytes(int64(len(out)))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(flows), "ns/flow")
			b.ReportMetric(float64(b.N*len(out))/float64(flows), "B/flow")
		})
	}
}
