package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// chart is a plot of lines over a setting.
type chart struct {
	file, title, x, y string
	lines             []line
	linear            bool // the x axis is linear: the setting has the value 0
}

// line is a measured quantity over the setting.
type line struct {
	name   string
	points plotter.XYs
}

func (l *line) add(x, y float64) { l.points = append(l.points, plotter.XY{X: x, Y: y}) }

// over returns the line of value over x for the results that pick chooses.
func over(name string, results []result, pick func(result) bool, x, value func(result) float64) line {
	l := line{name: name}
	for _, r := range results {
		if pick(r) {
			l.points = append(l.points, plotter.XY{X: x(r), Y: value(r)})
		}
	}
	slices.SortFunc(l.points, func(a, b plotter.XY) int { return int(a.X - b.X) })
	return l
}

func plots(dir string, results []result, far []remote) error {
	workers := func(r result) float64 { return float64(r.workers) }
	window := func(r result) float64 { return float64(r.window) }
	kflows := func(r result) float64 { return r.flows / r.seconds / 1e3 }
	throughput := chart{file: "workers", title: "All flows to RabbitMQ, window 64", x: "workers", y: "thousand flows/s"}
	deciding := chart{file: "workers-default", title: "Default threshold to RabbitMQ, 2 channels, window 64", x: "workers", y: "million rows/s"}
	byWindow := chart{file: "window", title: "All flows to RabbitMQ, 2 workers", x: "window (messages on each channel)", y: "thousand flows/s"}
	latency := chart{file: "latency", title: "Time to confirmation, 2 workers", x: "window (messages on each channel)", y: "ms"}
	cpu := chart{file: "cpu", title: "Processor time, 2 channels, window 64", x: "workers", y: "CPU seconds per million flows"}
	memory := chart{file: "memory", title: "Memory of tstat_send, all flows", x: "window (messages on each channel)", y: "resident MB"}

	for _, c := range channelCounts {
		name := fmt.Sprintf("1 connection, %d channels", c)
		if c == 1 {
			name = "1 connection, 1 channel"
		}
		of := func(pick func(result) bool) func(result) bool {
			return func(r result) bool {
				return r.threshold == "0" && r.connections == 1 && r.channels == c && pick(r)
			}
		}
		throughput.lines = append(throughput.lines, over(name, results, of(func(r result) bool { return r.window == 64 }), workers, kflows))
		byWindow.lines = append(byWindow.lines, over(name, results, of(two), window, kflows))
		latency.lines = append(latency.lines,
			over(name, results, of(two), window, func(r result) float64 { return r.latency * 1e3 }))
		memory.lines = append(memory.lines,
			over(name, results, of(two), window, func(r result) float64 { return r.resident / 1e6 }))
	}
	both := func(r result) bool { return r.threshold == "0" && r.connections == 2 }
	const name = "2 connections, 1 channel each"
	byWindow.lines = append(byWindow.lines, over(name, results, both, window, kflows))
	latency.lines = append(latency.lines, over(name, results, both, window, func(r result) float64 { return r.latency * 1e3 }))
	memory.lines = append(memory.lines, over(name, results, both, window, func(r result) float64 { return r.resident / 1e6 }))

	usual := func(threshold string) func(result) bool {
		return func(r result) bool {
			return r.threshold == threshold && r.connections == 1 && r.channels == 2 && r.window == 64
		}
	}
	deciding.lines = []line{over("tstat_send", results, usual("1000"), workers, func(r result) float64 { return r.rows / r.seconds / 1e6 })}
	cpu.lines = []line{
		over("tstat_send", results, usual("0"), workers, func(r result) float64 { return r.cpu / r.flows * 1e6 }),
		over("RabbitMQ", results, usual("0"), workers, func(r result) float64 { return r.brokerCPU / r.flows * 1e6 }),
	}
	for _, c := range []chart{throughput, deciding, byWindow, latency, cpu, memory, distanceChart(far)} {
		if err := c.save(dir); err != nil {
			return fmt.Errorf("plot %s: %w", c.file, err)
		}
	}
	return nil
}

func two(r result) bool { return r.workers == 2 }

// colors are those that Okabe and Ito chose for the colour-blind.
var colors = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
}

func (c chart) save(dir string) error {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = c.title
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text, p.Y.Label.Text = c.x, c.y
	if !c.linear {
		p.X.Scale = plot.LogScale{}
	}
	p.Add(plotter.NewGrid())
	highest := 0.0
	marks := make(map[float64]bool)
	for i, l := range c.lines {
		drawn, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return err
		}
		drawn.Color, dots.Color = colors[i], colors[i]
		drawn.Width = vg.Points(1.5)
		dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}[i]
		dots.Radius = vg.Points(3)
		p.Add(drawn, dots)
		p.Legend.Add(l.name, drawn, dots)
		for _, xy := range l.points {
			highest = max(highest, xy.Y)
			marks[xy.X] = true
		}
	}
	var ticks plot.ConstantTicks
	for x := range marks {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.Itoa(int(x))})
	}
	p.X.Tick.Marker = ticks
	const room = 1.4 // for the legend above the lines
	p.Y.Min, p.Y.Max = 0, highest*room
	p.Y.Tick.Marker = plot.TickerFunc(plain)
	p.X.Padding, p.Y.Padding = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), vg.Points(-4)
	p.Legend.Padding = vg.Points(3)
	return p.Save(6.5*vg.Inch, 4*vg.Inch, filepath.Join(dir, c.file+".svg"))
}

// plain labels ticks with as few digits as possible.
func plain(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64)
		}
	}
	return ticks
}
