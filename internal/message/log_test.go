package message_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
)

const corpus = "../../testdata/corpus"

// corpusLogs returns the paths of the TCP and UDP logs of a corpus; "*" means every corpus.
func corpusLogs(t testing.TB, name string) map[string]fastparse.Protocol {
	t.Helper()
	logs := map[string]fastparse.Protocol{}
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		paths, err := filepath.Glob(filepath.Join(corpus, name, "*.out", "log_"+protocol.String()+"_complete*"))
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

// encoded is the result of encoding a log.
type encoded struct {
	flows     [][]byte
	malformed []int // line numbers
	books     reference.Books
}

// encodeLog encodes a whole log in blocks of at least size bytes, as the pipeline does. The
// error is reference.ErrNoHeader.
func encodeLog(t testing.TB, e *message.Encoder, protocol fastparse.Protocol, log []byte, threshold uint64, size int) (encoded, error) {
	t.Helper()
	w := walk{t: t, encoder: e, threshold: threshold}
	if len(log) == 0 {
		return w.encoded, nil
	}
	header, rest, whole := bytes.Cut(log, []byte("\n"))
	layout, err := fastparse.ParseHeader(protocol, header)
	if err != nil && !whole && bytes.Contains(header, []byte("#")) { // Tstat is still writing the header
		w.books.Incomplete++
		return w.encoded, nil
	}
	if err != nil {
		return encoded{}, reference.ErrNoHeader
	}
	w.lines = 1
	for len(rest) > 0 {
		end := min(size, len(rest)-1)
		if newline := bytes.IndexByte(rest[end:], '\n'); newline >= 0 {
			end += newline + 1
		} else {
			end = len(rest)
		}
		layout = w.block(rest[:end], layout)
		rest = rest[end:]
	}
	w.books.Rows = w.books.Below + w.books.Sent + w.books.Malformed
	return w.encoded, nil
}

// walk encodes a log block by block.
type walk struct {
	t         testing.TB
	encoder   *message.Encoder
	threshold uint64
	lines     int // lines before the block
	encoded
}

// block encodes lines and returns the layout that is in force after them. The last line may
// have no newline.
func (w *walk) block(lines []byte, layout *fastparse.Layout) *fastparse.Layout {
	block := slices.Grow(bytes.Clone(lines), 1+fastparse.Padding)
	tail := lines[len(lines)-1] != '\n'
	if tail {
		block = append(block, '\n')
	}
	var s fastparse.Scanner
	s.Reset(block, layout, w.threshold)
	for event := s.Next(); event != fastparse.End; event = s.Next() {
		good := false
		switch event {
		case fastparse.HeaderLine:
			l, err := fastparse.ParseHeader(layout.Protocol, s.Line())
			if good = err == nil && (s.Layout().Same(s.Line()) || l.MayFollow()); good {
				s.SetLayout(l)
			}
		case fastparse.Row:
			good = w.row(&s)
		}
		switch {
		case good:
		case tail && s.End == len(block)-1:
			w.books.Incomplete++
		default:
			w.books.Malformed++
			w.malformed = append(w.malformed, w.lines+s.Lines)
		}
	}
	w.lines += s.Lines
	w.books.Below += s.Below
	return s.Layout()
}

// row encodes a row behind other text, which Row must keep. It reports whether the row
// became flows.
func (w *walk) row(s *fastparse.Scanner) (good bool) {
	const before = "before"
	out, n, reason := w.encoder.Row([]byte(before), s)
	flows, ok := bytes.CutPrefix(out, []byte(before))
	if !ok {
		w.t.Fatalf("the text before the flows is lost: %q", out)
	}
	if n == 0 {
		if reason.Why == "" || len(flows) > 0 {
			w.t.Fatalf("no flow, reason %q, output %q", reason, flows)
		}
		return false
	}
	if flows[0] != ',' {
		w.t.Fatalf("no comma before a flow: %q", flows)
	}
	list := slices.Concat([]byte("["), flows[1:], []byte("]"))
	var each []json.RawMessage
	if err := json.Unmarshal(list, &each); err != nil || len(each) != n {
		w.t.Fatalf("%d flows, error %v: %s", n, err, list)
	}
	for _, flow := range each {
		w.flows = append(w.flows, flow)
	}
	w.books.Sent++
	w.books.NotFinite += w.encoder.NotFinite()
	return true
}
