package loggen

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A Generator makes logs. Each call of the methods TCP and UDP makes another log. The n-th
// call makes the same log for two Generators with the same Options; calls of Tree do not count.
// A Generator may not be used by two goroutines at once.
type Generator struct {
	opts      Options
	templates [2][]template // by Proto
	layouts   [2][]layout
	rowBytes  [2]float64 // mean length of a row
	made      uint64     // logs that TCP and UDP have made
}

// New returns a Generator, or an error that names the wrong option.
func New(o Options) (*Generator, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("loggen: %w", err)
	}
	g := &Generator{opts: o}
	for _, p := range []Proto{TCP, UDP} {
		levels := []string{o.Level}
		if p == TCP && o.Dirt > 0 { // a header in mid-file may have another level
			levels = append(levels, slices.DeleteFunc(levelsOf(o.Version), func(l string) bool { return l == o.Level })...)
		}
		for _, l := range levels {
			line, columns := header(p, o.Version, l)
			g.layouts[p] = append(g.layouts[p], layout{line + "\n", columns})
		}
		g.templates[p] = templates(p, o.Version, g.layouts[p])
		g.rowBytes[p] = g.meanRow(p)
	}
	return g, nil
}

// TCP writes a log_tcp_complete to w, compressed if Options.Gzip is true. It fails only if a
// write to w fails.
func (g *Generator) TCP(w io.Writer, size Size) (Books, error) {
	g.made++
	return g.log(w, TCP, size, g.made, g.opts.Start)
}

// UDP writes a log_udp_complete to w, compressed if Options.Gzip is true. It fails only if a
// write to w fails.
func (g *Generator) UDP(w io.Writer, size Size) (Books, error) {
	g.made++
	return g.log(w, UDP, size, g.made, g.opts.Start)
}

// Maker returns a Maker of clean rows, for callers that write logs themselves. Makers of
// different streams make different rows. Options.Dirt, Cut and Gzip have no effect.
func (g *Generator) Maker(p Proto, stream uint64) *Maker {
	return g.maker(p, stream, g.opts.Start)
}

// maker returns the Maker of a stream of random numbers. The n-th call of the methods TCP and
// UDP uses stream n, directory i of Tree uses stream 1<<32 + i, and meanRow uses 1<<62.
func (g *Generator) maker(p Proto, stream uint64, start time.Time) *Maker {
	return &Maker{
		proto:     p,
		large:     g.opts.Large,
		rng:       rand.NewPCG(g.opts.Seed, stream<<1|uint64(p)),
		templates: g.templates[p],
		layouts:   g.layouts[p],
		start:     uint64(start.UnixMicro()),
	}
}

// meanRow measures the mean length of a row.
func (g *Generator) meanRow(p Proto) float64 {
	const n = 500
	m := g.maker(p, 1<<62, g.opts.Start)
	var buf []byte
	for i := range uint64(n) {
		buf = m.Append(buf, i, g.opts.Start.Add(interval))
	}
	return float64(len(buf)) / n
}

// log writes one log. Its rows end in the hour after start. If size is in bytes, the number
// of rows is not known beforehand, and the last rows may end a little later.
func (g *Generator) log(w io.Writer, p Proto, size Size, stream uint64, start time.Time) (Books, error) {
	if !g.opts.Gzip {
		return g.plain(w, p, size, stream, start)
	}
	z := gzip.NewWriter(w)
	b, err := g.plain(z, p, size, stream, start)
	if err != nil {
		return b, err
	}
	return b, z.Close()
}

func (g *Generator) plain(w io.Writer, p Proto, size Size, stream uint64, start time.Time) (Books, error) {
	const block = 128 << 10
	l := &logWriter{
		m:         g.maker(p, stream, start),
		dirt:      g.opts.Dirt,
		threshold: g.opts.Threshold * 1e6,
	}
	expected := max(size.rows, int64(float64(size.bytes)/g.rowBytes[p]), 1)
	step := float64(interval.Microseconds()) / float64(expected)
	endOf := func(row int64) uint64 { return uint64(start.UnixMicro()) + uint64(float64(row)*step) }

	buf := append(make([]byte, 0, block+16<<10), l.m.Header()...)
	var n, written int64 // rows so far; bytes before buf
	for ; n < size.rows || written+int64(len(buf)) < size.bytes; n++ {
		buf = l.row(buf, uint64(n), endOf(n))
		if len(buf) >= block {
			if _, err := w.Write(buf); err != nil {
				return Books{}, err
			}
			written += int64(len(buf))
			buf = buf[:0]
		}
	}
	if g.opts.Cut {
		buf = l.cutLast(buf, uint64(n), endOf(n))
	}
	if _, err := w.Write(buf); err != nil {
		return Books{}, err
	}
	l.books.Bytes = written + int64(len(buf))
	return l.books, nil
}
