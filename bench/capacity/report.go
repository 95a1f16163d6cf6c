package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// cost holds the recommended settings at one threshold, and what they cost.
type cost struct {
	result
	perRow, brokerPerRow float64 // CPU s
	rowsPerSecond        float64
	jsonPerRow           float64 // bytes
}

// tolerance is how much slower than the fastest point a recommended point may be.
const tolerance = 0.05

// recommended returns the point with the fewest workers, and then the fewest messages in
// flight, that is about as fast as the fastest.
func recommended(results []result, threshold string) cost {
	var of []result
	for _, r := range results {
		if r.threshold == threshold {
			of = append(of, r)
		}
	}
	fastest := slices.MinFunc(of, func(a, b result) int { return cmp.Compare(a.seconds, b.seconds) })
	inFlight := func(r result) int { return r.connections * r.channels * r.window }
	best := fastest
	for _, r := range of {
		if r.seconds > fastest.seconds*(1+tolerance) {
			continue
		}
		if r.workers < best.workers || r.workers == best.workers && inFlight(r) < inFlight(best) {
			best = r
		}
	}
	return cost{best, best.cpu / best.rows, best.brokerCPU / best.rows, best.rows / best.seconds, best.json / best.rows}
}

func writeReport(dir string, results []result, far []remote, own sensor) error {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Capacity\n")
	say("Written by `make capacity` on %d processors (%s), RabbitMQ on the same machine, one durable classic queue, persistent messages. "+
		"Medians of %d runs of each point; one row in a thousand has a flow above the default threshold. How to read it: [docs/capacity.md](../capacity.md).\n", runtime.NumCPU(), processor(), len(results[0].runs))

	say("## Settings to use\n")
	say("The fewest workers, and then the fewest messages in flight, that come within %.0f %% of the fastest point.\n", tolerance*100)
	say("| threshold (MB) | `--workers` | `--connections` | `--channels` | `--window` | rows/s | flows/s | JSON MB/s | sender CPU µs/row | broker CPU µs/row | sender MB |")
	say("|---|---|---|---|---|---|---|---|---|---|---|")
	costs := make(map[string]cost)
	for _, t := range thresholds {
		c := recommended(results, t)
		costs[t] = c
		say("| %s | %d | %d | %d | %d | %.3g | %.3g | %.3g | %.3g | %.3g | %.0f |", t, c.workers, c.connections, c.channels, c.window,
			c.rowsPerSecond, c.flows/c.seconds, c.json/c.seconds/1e6, c.perRow*1e6, c.brokerPerRow*1e6, c.resident/1e6)
	}

	say("\n## What a sensor takes\n")
	say("A run is started every hour. Its time and its shares are for all instances together. A share of 100 %% is one processor for the whole hour.\n")
	say("| rows an hour, each instance | instances | threshold (MB) | run takes | sender's share | broker's share | JSON an hour |")
	say("|---|---|---|---|---|---|---|")
	sensors := []sensor{{1e6, 1}, {10e6, 1}, {10e6, 4}, {100e6, 1}, {100e6, 4}}
	if own.rows > 0 {
		sensors = append(sensors, own)
	}
	for _, s := range sensors {
		for _, t := range thresholds {
			c := costs[t]
			rows := s.rows * float64(s.instances)
			const hour = 3600 // seconds
			say("| %s | %d | %s | %.2g min | %.2g %% | %.2g %% | %s |", million(s.rows), s.instances, t,
				rows/c.rowsPerSecond/60, rows*c.perRow/hour*100, rows*c.brokerPerRow/hour*100, size(rows*c.jsonPerRow))
		}
	}

	writeDistance(say, far)
	say("\n## Plots\n")
	say("Medians; the bars reach from the least to the greatest value.\n")
	for _, p := range []struct{ file, title string }{
		{"workers", "Throughput against workers"}, {"workers-default", "Throughput against workers, default threshold"},
		{"window", "Throughput against window"}, {"latency", "Time to confirmation"}, {"cpu", "Processor time"}, {"memory", "Memory"}, {"distance", "Time against distance"},
	} {
		say("![%s](%s.svg)\n", p.title, p.file)
	}

	say("## All points\n")
	say("| threshold (MB) | workers | connections | channels | window | s | fastest to slowest | rows/s | flows/s | messages | confirmed after, mean ms | 99 %% within ms | sender CPU s | broker CPU s | sender MB | broker MB |")
	say("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range results {
		say("| %s | %d | %d | %d | %d | %.2f | %s | %.3g | %.3g | %.0f | %.2f | %.0f | %.3f | %.2f | %.0f | %.0f |", r.threshold, r.workers, r.connections, r.channels, r.window,
			r.seconds, r.spread(), r.rows/r.seconds, r.flows/r.seconds, r.messages, r.latency*1e3, r.latency99*1e3, r.cpu, r.brokerCPU, r.resident/1e6, r.brokerResident/1e6)
	}
	return os.WriteFile(filepath.Join(dir, "report.md"), b.Bytes(), 0o644)
}

// spread returns the times of the fastest and the slowest run.
func (r result) spread() string {
	fastest, slowest := r.extremes(func(r result) float64 { return r.seconds })
	return fmt.Sprintf("%.2f to %.2f", fastest, slowest)
}

func million(n float64) string { return fmt.Sprintf("%g million", n/1e6) }

func size(bytes float64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.3g GB", bytes/1e9)
	}
	return fmt.Sprintf("%.3g MB", bytes/1e6)
}

// processor returns the name of the processor.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}
