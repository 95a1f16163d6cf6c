package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

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
	cpu, brokerCPU           float64 // seconds
	resident, brokerResident float64 // bytes
	latency, latency99       float64 // seconds to the confirmation: mean, and an upper bound for 99 %
}

var (
	workerCounts  = []int{1, 2, 4}
	channelCounts = []int{1, 2, 4}
	windows       = []int{1, 4, 16, 64}
	thresholds    = []string{"0", "1000"}
)

// points returns all points that are measured. It combines two connections with two workers
// and one channel only.
func points() (all []point) {
	for _, t := range thresholds {
		for _, w := range workerCounts {
			for _, c := range channelCounts {
				for _, n := range windows {
					all = append(all, point{t, w, 1, c, n})
				}
			}
		}
	}
	for _, n := range windows {
		all = append(all, point{"0", 2, 2, 1, n})
	}
	return all
}

// moreLogs is how many times more logs a run at the default threshold reads, since it is so
// much faster.
const moreLogs = 10

func measure(ctx context.Context, dir string, megabytes int64, rounds int) (results []result, far []remote, err error) {
	b := bench{dir: dir, program: filepath.Join(dir, "tstat_send"), logs: make(map[string]logs)}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.program, "tstat-transport/cmd/tstat_send")
	build.Dir = "../.." // the product is another module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build tstat_send: %w\n%s", err, out)
	}
	for threshold, size := range map[string]int64{"0": megabytes * 1e6, "1000": moreLogs * megabytes * 1e6} {
		o := loggen.Options{Large: 0.001} // a row in a thousand
		if o.Threshold, err = strconv.ParseFloat(threshold, 64); err != nil {
			return nil, nil, err
		}
		g, err := loggen.New(o)
		if err != nil {
			return nil, nil, err
		}
		l := logs{root: filepath.Join(dir, "logs-"+threshold)}
		if l.books, err = g.Tree(l.root, 2, size/2); err != nil {
			return nil, nil, err
		}
		b.logs[threshold] = l
	}
	err = withNode(func(f *fixture, n *rabbittest.Node) error {
		if err := b.prepare(f, n); err != nil {
			return err
		}
		if results, err = b.sweep(ctx, rounds); err != nil {
			return err
		}
		far, err = b.distance(ctx, f, n, rounds)
		return err
	})
	return results, far, err
}

// sweep runs every point once in each round, so that a disturbance of the machine disturbs all
// points, and returns the medians.
func (b *bench) sweep(ctx context.Context, rounds int) ([]result, error) {
	all := points()
	runs := make([][]result, len(all))
	for round := range rounds {
		for i, p := range all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := b.run(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p, err)
			}
			runs[i] = append(runs[i], r)
		}
		fmt.Fprintf(os.Stderr, "round %d of %d: %d points\n", round+1, rounds, len(all))
	}
	medians := make([]result, len(all))
	for i, rs := range runs {
		medians[i] = medianOf(rs)
	}
	return medians, nil
}

func medianOf(rs []result) result {
	m := rs[0]
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
