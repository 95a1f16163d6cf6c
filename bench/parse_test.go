package bench

import (
	"bytes"
	"fmt"
	"testing"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
)

// defaultThreshold is the default threshold in bytes.
const defaultThreshold = loggen.LargeBytes

// blocks is a log that is divided into the blocks that fastparse reads. The log has so many
// rows that the processor's branch prediction cannot learn where their fields end.
type blocks struct {
	kind   fastparse.Protocol
	layout *fastparse.Layout
	rows   []byte   // all rows, without the header
	list   [][]byte // parts of rows, with fastparse.Padding behind each
	books  loggen.Books
}

func newBlocks(b *testing.B, o loggen.Options, p loggen.Proto, kind fastparse.Protocol) blocks {
	b.Helper()
	log, books := oneLog(b, o, p, 20_000)
	header, rows, _ := bytes.Cut(log, []byte("\n"))
	layout, err := fastparse.ParseHeader(kind, header)
	if err != nil {
		b.Fatal(err)
	}
	k := blocks{kind: kind, layout: layout, rows: rows, books: books}
	for len(rows) > 0 {
		n := bytes.LastIndexByte(rows[:min(len(rows), 256<<10)], '\n') + 1
		k.list = append(k.list, rows[:n])
		rows = rows[n:]
	}
	return k
}

// eachLayout runs f for TCP at three log levels and for UDP.
func eachLayout(b *testing.B, o loggen.Options, f func(*testing.B, blocks)) {
	for _, level := range []string{"00", "15", "31"} {
		o.Level = level
		b.Run("tcp/level="+level, func(b *testing.B) { f(b, newBlocks(b, o, loggen.TCP, fastparse.TCP)) })
	}
	o.Level = ""
	b.Run("udp", func(b *testing.B) { f(b, newBlocks(b, o, loggen.UDP, fastparse.UDP)) })
}

// BenchmarkIndex marks every newline and space of a block in bitmaps.
//
//	go test -bench Index ./bench
func BenchmarkIndex(b *testing.B) {
	eachLayout(b, loggen.Options{}, func(b *testing.B, k blocks) {
		var s fastparse.Scanner
		lines := 0
		for _, block := range k.list {
			s.Reset(block, k.layout, defaultThreshold)
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
			for _, block := range k.list {
				s.Reset(block, k.layout, defaultThreshold)
			}
		}
		rates(b, k.books.Rows, 0, 0)
	})
}

// BenchmarkDecide decides which rows are sent: the cost of a row at the default threshold,
// without reading.
//
//	go test -bench Decide ./bench
//	go test -tags purego -bench Decide ./bench      without vector instructions
func BenchmarkDecide(b *testing.B) {
	eachLayout(b, loggen.Options{Large: 0.01}, func(b *testing.B, k blocks) {
		var s fastparse.Scanner
		decide := func() (sent, below int) {
			for _, block := range k.list {
				s.Reset(block, k.layout, defaultThreshold)
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

// BenchmarkSplit splits every row into its fields, up to the last one that flows need.
//
//	go test -bench Split ./bench
func BenchmarkSplit(b *testing.B) {
	eachLayout(b, loggen.Options{}, func(b *testing.B, k blocks) {
		var s fastparse.Scanner
		var fields fastparse.Fields
		columns := message.Columns(k.layout)
		split := func() (rows int) {
			for _, block := range k.list {
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

// BenchmarkEncode decodes every row and encodes it as two flows: the cost of a row at threshold
// 0, without reading and delivery. MB/s is of the log, json_MB/s of the encoded flows.
//
//	go test -bench Encode ./bench
func BenchmarkEncode(b *testing.B) {
	eachLayout(b, loggen.Options{}, func(b *testing.B, k blocks) {
		var s fastparse.Scanner
		e := message.NewEncoder(message.Settings{Sensor: sensorID})
		var out []byte
		encode := func(list [][]byte) (flows, size int) {
			for _, block := range list {
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
		flows, size := encode(k.list)
		if int64(flows) != k.books.Flows {
			b.Fatalf("%d flows of %d", flows, k.books.Flows)
		}
		encode(k.list[:1])
		checkFlows(b, k, out)
		b.SetBytes(int64(len(k.rows)))
		b.ReportAllocs()
		for b.Loop() {
			encode(k.list)
		}
		rates(b, k.books.Rows, k.books.Flows, 0)
		b.ReportMetric(float64(size)*float64(b.N)/1e6/b.Elapsed().Seconds(), "json_MB/s")
	})
}

// BenchmarkLayout parses a header and counts the columns that flows need. Logs with the same
// header share the result.
//
//	go test -bench Layout ./bench
func BenchmarkLayout(b *testing.B) {
	for _, k := range []struct {
		proto loggen.Proto
		kind  fastparse.Protocol
	}{{loggen.TCP, fastparse.TCP}, {loggen.UDP, fastparse.UDP}} {
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
