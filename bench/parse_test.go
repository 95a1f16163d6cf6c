package bench

import (
	"bytes"
	"fmt"
	"testing"

	"tstat-transport/bench/loggen"
	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
)

// everyday is the default threshold in bytes.
const everyday = loggen.LargeBytes

var kinds = []struct {
	proto loggen.Proto
	kind  fastparse.Kind
}{{loggen.TCP, fastparse.TCP}, {loggen.UDP, fastparse.UDP}}

// block is a log as fastparse gets it.
type block struct {
	kind   fastparse.Kind
	layout *fastparse.Layout
	rows   []byte // behind the header, with fastparse.Slack
	books  loggen.Books
}

func newBlock(b *testing.B, o loggen.Options, p loggen.Proto, kind fastparse.Kind) block {
	b.Helper()
	log, books := oneLog(b, o, p, 500) // fits a core's cache, as the pipeline's blocks do
	header, rows, _ := bytes.Cut(log, []byte("\n"))
	layout, err := fastparse.ParseHeader(kind, header)
	if err != nil {
		b.Fatal(err)
	}
	return block{kind, layout, rows, books}
}

// eachBlock runs f for TCP at every log level and for UDP.
func eachBlock(b *testing.B, o loggen.Options, f func(*testing.B, block)) {
	for _, level := range []string{"00", "15", "31"} {
		o.Level = level
		b.Run("tcp/level="+level, func(b *testing.B) { f(b, newBlock(b, o, loggen.TCP, fastparse.TCP)) })
	}
	o.Level = ""
	b.Run("udp", func(b *testing.B) { f(b, newBlock(b, o, loggen.UDP, fastparse.UDP)) })
}

// Marking every newline and space of a block in bitmaps.
//
//	go test -bench Index ./bench
func BenchmarkIndex(b *testing.B) {
	eachBlock(b, loggen.Options{}, func(b *testing.B, k block) {
		var s fastparse.Scanner
		s.Reset(k.rows, k.layout, everyday)
		if s.Next() != fastparse.End || int64(s.Lines) != k.books.Rows {
			b.Fatalf("%d lines of %d", s.Lines, k.books.Rows)
		}
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			s.Reset(k.rows, k.layout, everyday)
		}
		rates(b, k.books.Rows, 0, 0)
	})
}

// Deciding which rows are sent: what the default threshold costs beside reading.
//
//	go test -bench Decide ./bench
//	go test -tags purego -bench Decide ./bench      without vector instructions
func BenchmarkDecide(b *testing.B) {
	eachBlock(b, loggen.Options{Large: 0.01}, func(b *testing.B, k block) {
		var s fastparse.Scanner
		decide := func() (rows int) {
			s.Reset(k.rows, k.layout, everyday)
			for {
				switch s.Next() {
				case fastparse.End:
					return rows
				case fastparse.Row:
					rows++
				default:
					b.Fatalf("row %q: %s", s.Line(), s.Reason)
				}
			}
		}
		if n := decide(); int64(n) != k.books.Large || int64(s.Below) != k.books.Rows-k.books.Large {
			b.Fatalf("%d rows are sent and %d below, of %+v", n, s.Below, k.books)
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
	eachBlock(b, loggen.Options{}, func(b *testing.B, k block) {
		var s fastparse.Scanner
		var fields fastparse.Fields
		columns := message.Columns(k.layout)
		split := func() (rows int) {
			s.Reset(k.rows, k.layout, 0)
			for s.Next() == fastparse.Row {
				s.Split(&fields, columns)
				rows++
			}
			return rows
		}
		if n := split(); int64(n) != k.books.Rows || fields.Len() != columns {
			b.Fatalf("%d rows of %d, the last with %d fields of %d", n, k.books.Rows, fields.Len(), columns)
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
	eachBlock(b, loggen.Options{}, func(b *testing.B, k block) {
		var s fastparse.Scanner
		e := message.NewEncoder(message.Settings{Sensor: sensorID})
		var out []byte
		encode := func() (flows int) {
			out = out[:0]
			s.Reset(k.rows, k.layout, 0)
			for s.Next() == fastparse.Row {
				var n int
				out, n, _ = e.Row(out, &s, k.rows, 0)
				flows += n
			}
			return flows
		}
		if n := encode(); int64(n) != k.books.Flows {
			b.Fatalf("%d flows of %d", n, k.books.Flows)
		}
		checkFlows(b, k, out)
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			encode()
		}
		rates(b, k.books.Rows, k.books.Flows, 0)
		b.ReportMetric(float64(len(out))*float64(b.N)/1e6/b.Elapsed().Seconds(), "json_MB/s")
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
