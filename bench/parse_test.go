package bench

import (
	"bytes"
	"fmt"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
)

// everyday is the default threshold in bytes.
const everyday = loggen.LargeBytes

var kinds = []struct {
	proto loggen.Proto
	kind  fastparse.Protocol
}{{loggen.TCP, fastparse.TCP}, {loggen.UDP, fastparse.UDP}}

// cut is a log as fastparse gets it, in blocks. There are so many rows that
// the processor cannot learn by heart where their fields end.
type cut struct {
	kind   fastparse.Protocol
	layout *fastparse.Layout
	rows   []byte   // behind the header
	blocks [][]byte // of rows, with fastparse.Padding behind each
	books  loggen.Books
}

func newCut(b *testing.B, o loggen.Options, p loggen.Proto, kind fastparse.Protocol) cut {
	b.Helper()
	log, books := oneLog(b, o, p, 20_000)
	header, rows, _ := bytes.Cut(log, []byte("\n"))
	layout, err := fastparse.ParseHeader(kind, header)
	if err != nil {
		b.Fatal(err)
	}
	c := cut{kind: kind, layout: layout, rows: rows, books: books}
	for len(rows) > 0 {
		n := bytes.LastIndexByte(rows[:min(len(rows), 256<<10)], '\n') + 1
		c.blocks = append(c.blocks, rows[:n])
		rows = rows[n:]
	}
	return c
}

// eachCut runs f for TCP at every log level and for UDP.
func eachCut(b *testing.B, o loggen.Options, f func(*testing.B, cut)) {
	for _, level := range []string{"00", "15", "31"} {
		o.Level = level
		b.Run("tcp/level="+level, func(b *testing.B) { f(b, newCut(b, o, loggen.TCP, fastparse.TCP)) })
	}
	o.Level = ""
	b.Run("udp", func(b *testing.B) { f(b, newCut(b, o, loggen.UDP, fastparse.UDP)) })
}

// Marking every newline and space of a block in bitmaps.
//
//	go test -bench Index ./bench
func BenchmarkIndex(b *testing.B) {
	eachCut(b, loggen.Options{}, func(b *testing.B, k cut) {
		var s fastparse.Scanner
		lines := 0
		for _, block := range k.blocks {
			s.Reset(block, k.layout, everyday)
			if s.Next() != fastparse.End {
				b.Fatalf("row %q", s.Line())
			}
			lines += s.Lines
		}
		if int64(lines) != k.books.Rows {
			b.Fatalf("%d lines of %d", lines, k.books.Rows)
		}
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			for _, block := range k.blocks {
				s.Reset(block, k.layout, everyday)
			}
		}
		rates(b, k.books.Rows, 0, 0)
	})
}

// Deciding which rows are sent: what the default threshold costs beside reading.
//
//	go test -bench Decide ./bench
//	go test -tags purego -bench Decide ./bench      without vector instructions
func BenchmarkDecide(b *testing.B) {
	eachCut(b, loggen.Options{Large: 0.01}, func(b *testing.B, k cut) {
		var s fastparse.Scanner
		decide := func() (sent, below int) {
			for _, block := range k.blocks {
				s.Reset(block, k.layout, everyday)
				for event := s.Next(); event != fastparse.End; event = s.Next() {
					if event != fastparse.Row {
						b.Fatalf("row %q", s.Line())
					}
					sent++
				}
				below += s.Below
			}
			return sent, below
		}
		if sent, below := decide(); int64(sent) != k.books.Large || int64(below) != k.books.Rows-k.books.Large {
			b.Fatalf("%d rows are sent and %d below, of %+v", sent, below, k.books)
		}
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			decide()
		}
		rates(b, k.books.Rows, 0, 0)
	})
}

// Splitting every row into its fields.
//
//	go test -bench Split ./bench
func BenchmarkSplit(b *testing.B) {
	eachCut(b, loggen.Options{}, func(b *testing.B, k cut) {
		var s fastparse.Scanner
		var fields fastparse.Fields
		columns := message.Columns(k.layout)
		split := func() (rows int) {
			for _, block := range k.blocks {
				s.Reset(block, k.layout, 0)
				for s.Next() == fastparse.Row {
					s.Split(&fields, columns)
					rows++
				}
			}
			return rows
		}
		if n := split(); int64(n) != k.books.Rows || fields.N != columns {
			b.Fatalf("%d rows of %d, the last with %d fields of %d", n, k.books.Rows, fields.N, columns)
		}
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			split()
		}
		rates(b, k.books.Rows, 0, 0)
	})
}

// Decoding and encoding every row as two flows: what threshold 0 costs beside
// reading and delivering. MB/s is of log; json_MB/s of what is written.
//
//	go test -bench Encode ./bench
func BenchmarkEncode(b *testing.B) {
	eachCut(b, loggen.Options{}, func(b *testing.B, k cut) {
		var s fastparse.Scanner
		e := message.NewEncoder(message.Settings{Sensor: sensorID})
		var out []byte
		encode := func(blocks [][]byte) (flows, size int) {
			for _, block := range blocks {
				out = out[:0]
				s.Reset(block, k.layout, 0)
				for s.Next() == fastparse.Row {
					var n int
					out, n, _ = e.Row(out, &s)
					flows += n
				}
				size += len(out)
			}
			return flows, size
		}
		flows, size := encode(k.blocks)
		if int64(flows) != k.books.Flows {
			b.Fatalf("%d flows of %d", flows, k.books.Flows)
		}
		encode(k.blocks[:1])
		checkFlows(b, k, out)
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			encode(k.blocks)
		}
		rates(b, k.books.Rows, k.books.Flows, 0)
		b.ReportMetric(float64(size)*float64(b.N)/1e6/b.Elapsed().Seconds(), "json_MB/s")
	})
}

// Making what is prepared for a layout, which happens once a run and worker.
//
//	go test -bench Layout ./bench
func BenchmarkLayout(b *testing.B) {
	for _, k := range kinds {
		b.Run(fmt.Sprint(k.kind), func(b *testing.B) {
			log, _ := oneLog(b, loggen.Options{}, k.proto, 1)
			header, _, _ := bytes.Cut(log, []byte("\n"))
			b.ReportAllocs()
			for b.Loop() {
				l, err := fastparse.ParseHeader(k.kind, header)
				if err != nil {
					b.Fatal(err)
				}
				if message.Columns(l) == 0 {
					b.Fatal("no columns")
				}
			}
		})
	}
}
