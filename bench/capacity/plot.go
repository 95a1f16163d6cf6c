package main

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot of lines over a setting.
type chart struct {
	file, title, x, y string
	lines             []line
	linear            bool // the x axis is linear, since a logarithmic axis cannot show the value 0
}

// line is a measured quantity over the setting: medians, and bars from the least to the greatest
// value.
type line struct {
	name string
	plotter.XYs
	plotter.YErrors
}

func (l *line) add(x float64, r result, value func(result) float64) {
	least, greatest := r.extremes(value)
	y := value(r)
	l.XYs = append(l.XYs, plotter.XY{X: x, Y: y})
	l.YErrors = append(l.YErrors, struct{ Low, High float64 }{y - least, greatest - y})
}

// over returns the line of value over x for the results that pick chooses.
func over(name string, results []result, pick func(result) bool, x, value func(result) float64) line {
	l := line{name: name}
	ordered := slices.Clone(results)
	slices.SortStableFunc(ordered, func(a, b result) int { return cmp.Compare(x(a), x(b)) })
	for _, r := range ordered {
		if pick(r) {
			l.add(x(r), r, value)
		}
	}
	return l
}

func plots(dir string, results []result, far []remote) error {
	workers := func(r result) float64 { return float64(r.workers) }
	window := func(r result) float64 { return float64(r.window) }
	kflows := func(r result) float64 { return r.flows / r.seconds / 1e3 }
	milliseconds := func(r result) float64 { return r.latency * 1e3 }
	megabytes := func(r result) float64 { return r.resident / 1e6 }
	twoWorkers := func(r result) bool { return r.workers == 2 }
	throughput := chart{file: "workers", title: "All flows to RabbitMQ, window 64", x: "workers", y: "thousand flows/s"}
	atDefault := chart{file: "workers-default", title: "Default threshold to RabbitMQ, 2 channels, window 64", x: "workers", y: "million rows/s"}
	byWindow := chart{file: "window", title: "All flows to RabbitMQ, 2 workers", x: "window (messages on each channel)", y: "thousand flows/s"}
	latency := chart{file: "latency", title: "Time to confirmation, 2 workers", x: "window (messages on each channel)", y: "ms"}
	cpu := chart{file: "cpu", title: "Processor time, 2 channels, window 64", x: "workers", y: "CPU seconds per million flows"}
	memory := chart{file: "memory", title: "Memory of tstat_send, all flows", x: "window (messages on each channel)", y: "resident MB"}

	addByWindow := func(name string, results []result) {
		byWindow.lines = append(byWindow.lines, over(name, results, twoWorkers, window, kflows))
		latency.lines = append(latency.lines, over(name, results, twoWorkers, window, milliseconds))
		memory.lines = append(memory.lines, over(name, results, twoWorkers, window, megabytes))
	}
	for _, n := range channelCounts {
		name := fmt.Sprintf("1 connection, %d channels", n)
		if n == 1 {
			name = "1 connection, 1 channel"
		}
		of := allFlows(results, 1, n)
		throughput.lines = append(throughput.lines, over(name, of, func(r result) bool { return r.window == usualWindow }, workers, kflows))
		addByWindow(name, of)
	}
	addByWindow("2 connections, 1 channel each", allFlows(results, 2, 1))

	usual := func(threshold string) func(result) bool {
		return func(r result) bool {
			return r.threshold == threshold && r.connections == 1 && r.channels == 2 && r.window == usualWindow
		}
	}
	atDefault.lines = []line{over("tstat_send", results, usual("1000"), workers, func(r result) float64 { return r.rows / r.seconds / 1e6 })}
	cpu.lines = []line{
		over("tstat_send", results, usual("0"), workers, func(r result) float64 { return r.cpu / r.flows * 1e6 }),
		over("RabbitMQ", results, usual("0"), workers, func(r result) float64 { return r.brokerCPU / r.flows * 1e6 }),
	}
	for _, c := range []chart{throughput, atDefault, byWindow, latency, cpu, memory, distanceChart(far)} {
		if err := c.save(dir); err != nil {
			return fmt.Errorf("plot %s: %w", c.file, err)
		}
	}
	return nil
}

// allFlows returns the results at threshold 0 with these connections and channels.
func allFlows(results []result, connections, channels int) []result {
	return slices.DeleteFunc(slices.Clone(results), func(r result) bool {
		return r.threshold != "0" || r.connections != connections || r.channels != channels
	})
}

// colors are those that Okabe and Ito chose so that colour-blind people can tell them apart.
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
	legend := plot.NewLegend()
	highest := 0.0
	settings := make(map[float64]bool) // the values on the x axis
	for i := range c.lines {
		l := &c.lines[i]
		drawn, dots, err := plotter.NewLinePoints(l.XYs)
		if err != nil {
			return err
		}
		bars, err := plotter.NewYErrorBars(l)
		if err != nil {
			return err
		}
		drawn.Color, dots.Color, bars.Color = colors[i], colors[i], colors[i]
		drawn.Width = vg.Points(1.5)
		dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}[i]
		dots.Radius = vg.Points(3)
		p.Add(drawn, bars, dots)
		legend.Add(l.name, drawn, dots)
		for j, xy := range l.XYs {
			highest = max(highest, xy.Y+l.YErrors[j].High)
			settings[xy.X] = true
		}
	}
	var ticks plot.ConstantTicks
	for x := range settings {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.Itoa(int(x))})
	}
	p.X.Tick.Marker = ticks
	const room = 1.05 // above the lines
	p.Y.Min, p.Y.Max = 0, highest*room
	p.Y.Tick.Marker = plot.TickerFunc(plain)
	p.X.Padding, p.Y.Padding = 0, 0
	return c.draw(p, &legend, filepath.Join(dir, c.file+".svg"))
}

// draw writes the plot with the legend below it, where no line crosses it. A plot of one line
// needs no legend.
func (c chart) draw(p *plot.Plot, legend *plot.Legend, path string) (err error) {
	below := vg.Points(8)
	if len(c.lines) > 1 {
		below += vg.Points(18) * vg.Length(len(c.lines))
	}
	svg := vgsvg.New(6.5*vg.Inch, 4*vg.Inch+below)
	all := draw.New(svg)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	p.Draw(draw.Crop(all, vg.Points(4), -vg.Points(20), below, -vg.Points(4)))
	if len(c.lines) > 1 {
		legend.Left, legend.Top = true, true
		legend.Padding = vg.Points(3)
		legend.Draw(draw.Crop(all, vg.Points(50), 0, 0, below-all.Max.Y))
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = svg.WriteTo(f)
	return errors.Join(err, f.Close())
}

// plain labels ticks with at most four digits.
func plain(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64)
		}
	}
	return ticks
}
