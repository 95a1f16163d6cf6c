package workers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// Flags of how FuzzPipeline writes its bytes to the disk.
const (
	asUDP    = 1 << iota // as the UDP log
	asGzip               // as a .gz, as they are
	compress             // as a .gz, compressed
	cutGzip              // with compress: without the last bytes of the .gz
	asMark               // the state as .processed, not as .processing
)

// fitting returns a state file whose fingerprint covers no byte, so that it matches every
// log.
func fitting(log string) string {
	return `{"tool":"tstat_send","version":"1","logs":{"log_tcp_complete":{` + log + `,"fingerprint":"0:e3b0c44298fc1c149afbf4c8996fb924"}}}`
}

// With any content of a log, a compressed log and a state file, a run ends soon, its books
// balance, and the next run sends nothing of a directory that is done. Without the state
// file, the flows are those of the reference.
func FuzzPipeline(f *testing.F) {
	tcp := "#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9\n" +
		"10.0.0.1 80 10.0.0.2 443 5 6 1.5 1795379200706.312012 1795379200708.312012\n" +
		"10.0.0.1 80 10.0.0.2 443 5 6 1.5 1795379200706.312012 1795379200708"
	header := strings.IndexByte(tcp, '\n') + 1
	f.Add([]byte(tcp), []byte{}, byte(0))
	f.Add([]byte(tcp+"\r\n\r"), []byte{}, byte(0))
	f.Add([]byte(tcp), []byte(fitting(`"position":86,"end":86,"line":1`)), byte(0))
	f.Add([]byte(tcp), []byte(fitting(`"position":86,"end":86,"header":80`)), byte(compress))
	f.Add([]byte(tcp), []byte(fitting(`"position":161,"end":228,"line":2,"tail":{"bytes":67,"flows":2}`)), byte(asMark))
	f.Add([]byte(tcp), []byte(fitting(`"position":161,"end":228,"tail":{"bytes":-1,"flows":2}`)), byte(0))
	f.Add([]byte(tcp), []byte(fitting(`"position":0,"end":67,"tail":{"bytes":67,"flows":2}`)), byte(0))
	f.Add([]byte(tcp[:header]), []byte(fitting(`"position":86,"end":86,"tail":{"bytes":0,"flows":2}`)), byte(0))
	f.Add([]byte(tcp), []byte(fitting(`"position":9223372036854775807,"end":9223372036854775807,"header":9223372036854770000`)), byte(0))
	f.Add([]byte(tcp[:header]+tcp), []byte(fitting(`"position":86,"end":100,"rows":-1,"flows":9223372036854775807`)), byte(compress|cutGzip))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), []byte("{}"), byte(asGzip))
	for i, kind := range []reference.Protocol{reference.TCP, reference.UDP} {
		for _, log := range reference.Corpus(kind, 4) {
			f.Add(log, []byte{}, byte(asUDP*i))
		}
	}
	f.Fuzz(func(t *testing.T, content, state []byte, how byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		name, kind, stateName := "log_tcp_complete", reference.TCP, ".processing"
		if how&asUDP > 0 {
			name, kind = "log_udp_complete", reference.UDP
			state = bytes.ReplaceAll(state, []byte("log_tcp_complete"), []byte(name))
		}
		if how&asMark > 0 {
			stateName = ".processed"
		}
		log, file, damaged := content, content, false
		switch {
		case how&compress > 0:
			file = gzipped(t, content)
			if how&cutGzip > 0 {
				file = file[:len(file)-min(len(file), 9)]
			}
			fallthrough
		case how&asGzip > 0:
			name += ".gz"
			log, damaged = gunzipped(file)
		}
		root := t.TempDir()
		writeLog(t, root, dirName, name, file)
		writeLog(t, root, dirName, stateName, state)

		first, _ := run(ctx, t, root, newArchive(), nil)
		again := newArchive()
		run(ctx, t, root, again, nil)
		if first == (workers.Outcome{}) && len(again.bodies) > 0 {
			t.Errorf("%d messages of a directory that was done", len(again.bodies))
		}

		for _, s := range []string{".processed", ".processing"} {
			if err := os.RemoveAll(filepath.Join(root, dirName, s)); err != nil {
				t.Fatal(err)
			}
		}
		got := newArchive()
		outcome, n := run(ctx, t, root, got, nil)
		if ctx.Err() != nil {
			t.Fatal("the runs took too long")
		}
		if len(log) > 200<<10 {
			return // a line may be too long for a block
		}
		whole := log
		if damaged {
			whole = log[:bytes.LastIndexByte(log, '\n')+1]
		}
		want, err := reference.Read(whole, kind, reference.Settings{Sensor: "s"})
		if damaged || errors.Is(err, reference.ErrNoHeader) {
			if outcome.IOErrors != 1 {
				t.Errorf("%+v, want the log to be counted in IOErrors", outcome)
			}
		} else if outcome != (workers.Outcome{}) {
			t.Errorf("%+v", outcome)
		}
		diff(t, got.flows(t), wantFlows(t, want))
		if err != nil {
			return
		}
		b := want.Books
		if int(n.Rows.Load()) != b.Rows || int(n.Malformed.Load()) != b.Malformed || int(n.Below.Load()) != b.Below ||
			int(n.Sent.Load()) != b.Sent || int(n.Incomplete.Load()) != b.Incomplete || int(n.NotFinite.Load()) != b.NotFinite {
			t.Errorf("rows %d malformed %d below %d sent %d incomplete %d not finite %d, want %+v", n.Rows.Load(), n.Malformed.Load(),
				n.Below.Load(), n.Sent.Load(), n.Incomplete.Load(), n.NotFinite.Load(), b)
		}
		if damaged {
			return
		}
		s := mark(t, root, dirName).Logs[strings.TrimSuffix(name, ".gz")]
		if s.Position != want.Tail || s.End != int64(len(log)) || int(s.Rows) != b.Rows || int(s.Flows) != len(want.Flows()) {
			t.Errorf("mark %+v, want %+v, tail at %d", s, b, want.Tail)
		}
	})
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gunzipped returns the text of a .gz up to where it is damaged or truncated. A truncated
// .gz is not damaged.
func gunzipped(file []byte) (log []byte, damaged bool) {
	z, err := logdir.Uncompressed(context.Background(), bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, true
	}
	log, err = io.ReadAll(io.LimitReader(z, 1<<20))
	return log, err != nil && !errors.Is(err, io.ErrUnexpectedEOF)
}
