package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
)

// point is a combination of settings of tstat_send.
type point struct {
	threshold                              string // MB, as on the command line
	workers, connections, channels, window int
}

func (p point) String() string {
	return fmt.Sprintf("threshold %s, %d workers, %d×%d channels, window %d", p.threshold, p.workers, p.connections, p.channels, p.window)
}

// result holds the measurements of a point: of one run, or medians.
type result struct {
	point
	rows, flows, messages    float64
	json                     float64 // bytes
	seconds                  float64
	cpu, brokerCPU           float64  // seconds
	resident, brokerResident float64  // bytes
	latency, latency99       float64  // seconds to the confirmation: mean, and an upper bound for 99 %
	runs                     []result // of medians: the single runs
}

var (
	workerCounts  = []int{1, 2, 4}
	channelCounts = []int{1, 2, 4}
	windows       = []int{1, 4, 16, 64, 256, 1024}
	thresholds    = []string{"0", "1000"}
)

// usualWindow is the window at which workers are compared.
const usualWindow = 64

// points returns all points that are measured: at threshold 0 every window with two workers, and
// every number of workers with the usual window. At the default threshold so little is sent that
// two windows suffice.
func points() (all []point) {
	for _, n := range windows {
		for _, c := range channelCounts {
			all = append(all, point{"0", 2, 1, c, n})
		}
		all = append(all, point{"0", 2, 2, 1, n})
	}
	for _, w := range workerCounts {
		for _, c := range channelCounts {
			if w != 2 {
				all = append(all, point{"0", w, 1, c, usualWindow})
			}
		}
		all = append(all, point{"1000", w, 1, 2, 1}, point{"1000", w, 1, 2, usualWindow})
	}
	return all
}

// A run at the default threshold reads more logs than a run at threshold 0, so that it takes some
// seconds too: the logs are moreLogs times as large, and each log stands in copies directories.
// The copies are hard links, so disk and page cache hold each log once.
const (
	moreLogs = 4
	copies   = 40
)

// measure builds tstat_send, writes the logs, and runs all points.
func measure(ctx context.Context, dir string, c *command) (results []result, far []remote, err error) {
	b := bench{dir: dir, program: filepath.Join(dir, "tstat_send"), logs: make(map[string]logs)}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.program, "tstat-transport/cmd/tstat_send")
	build.Dir = "../.." // the product is another module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build tstat_send: %w\n%s", err, out)
	}
	for _, threshold := range thresholds {
		o := loggen.Options{Large: 0.001} // a row in a thousand
		if o.Threshold, err = strconv.ParseFloat(threshold, 64); err != nil {
			return nil, nil, err
		}
		g, err := loggen.New(o)
		if err != nil {
			return nil, nil, err
		}
		l := logs{root: filepath.Join(dir, "logs-"+threshold)}
		size := c.Megabytes * 1e6
		if threshold != "0" {
			size *= moreLogs
		}
		if l.books, err = g.Tree(l.root, 2, size/2); err != nil {
			return nil, nil, err
		}
		if threshold != "0" {
			if err := l.link(copies); err != nil {
				return nil, nil, err
			}
		}
		b.logs[threshold] = l
	}
	err = withNode(func(f *fixture, n *rabbittest.Node) error {
		if err := b.prepare(f, n); err != nil {
			return err
		}
		results, far, err = b.rounds(ctx, f, n, c)
		return err
	})
	return results, far, err
}

// link makes hard links to the logs in new directories, so that each log stands in copies
// directories.
func (l *logs) link(copies int) error {
	files, err := filepath.Glob(filepath.Join(l.root, "*", "log_*"))
	if err != nil {
		return err
	}
	for i := range copies - 1 {
		for _, file := range files {
			at, err := time.Parse("2006_01_02_15_04.out", filepath.Base(filepath.Dir(file)))
			if err != nil {
				return err
			}
			dir := filepath.Join(l.root, loggen.DirName(at.AddDate(0, 0, i+1)))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := os.Link(file, filepath.Join(dir, filepath.Base(file))); err != nil {
				return err
			}
		}
	}
	n := int64(copies)
	l.books.Rows, l.books.Flows, l.books.Bytes = n*l.books.Rows, n*l.books.Flows, n*l.books.Bytes
	return nil
}

// rounds runs every point once in each round, so that a disturbance of the machine disturbs all
// points, and returns the medians. It begins no round that would end after the limit.
func (b *bench) rounds(ctx context.Context, f *fixture, n *rabbittest.Node, c *command) ([]result, []remote, error) {
	all, places := points(), b.places(f, n)
	runs, farRuns := make([][]result, len(all)), make([][]result, len(places))
	for round := range c.Rounds {
		began := time.Now()
		for i, p := range all {
			r, err := b.run(ctx, p)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", p, err)
			}
			runs[i] = append(runs[i], r)
		}
		for i, p := range places {
			r, err := p.run(ctx, b)
			if err != nil {
				return nil, nil, fmt.Errorf("round trip of %v, compression %q: %w", p.roundTrip, p.compression, err)
			}
			farRuns[i] = append(farRuns[i], r)
		}
		took := time.Since(began)
		fmt.Fprintf(os.Stderr, "round %d of %d: %d points, %.0f s\n", round+1, c.Rounds, len(all)+len(places), took.Seconds())
		if time.Since(c.began)+took > c.Limit {
			break
		}
	}
	medians := make([]result, len(all))
	for i, rs := range runs {
		medians[i] = medianOf(rs)
	}
	return medians, remotes(places, farRuns), nil
}

func medianOf(rs []result) result {
	m := rs[0]
	m.runs = rs
	for _, field := range []func(*result) *float64{
		func(r *result) *float64 { return &r.seconds },
		func(r *result) *float64 { return &r.cpu },
		func(r *result) *float64 { return &r.brokerCPU },
		func(r *result) *float64 { return &r.resident },
		func(r *result) *float64 { return &r.brokerResident },
		func(r *result) *float64 { return &r.latency },
		func(r *result) *float64 { return &r.latency99 },
	} {
		values := make([]float64, len(rs))
		for i := range rs {
			values[i] = *field(&rs[i])
		}
		slices.Sort(values)
		*field(&m) = values[len(values)/2]
	}
	return m
}

// extremes returns the least and the greatest value of the runs.
func (r result) extremes(value func(result) float64) (least, greatest float64) {
	values := make([]float64, len(r.runs))
	for i, run := range r.runs {
		values[i] = value(run)
	}
	return slices.Min(values), slices.Max(values)
}
