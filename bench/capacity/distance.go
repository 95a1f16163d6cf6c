package main

import (
	"cmp"
	"context"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
)

var (
	roundTrips   = []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}
	compressions = []string{"", "zstd"}
)

// place is a distance from the broker, which a proxy makes by delaying the data.
type place struct {
	proxy       *faultproxy.Proxy
	config      string
	compression string
	roundTrip   time.Duration
}

// remote holds the medians of runs with the defaults at one place.
type remote struct {
	result
	place
	local float64 // seconds of a run with the same compression and without delay
}

// ratio returns the time of a run divided by the time without delay.
func (r *remote) ratio(run result) float64 { return run.seconds / r.local }

// places starts the proxy and returns all places, for each compression the nearest first.
func (b *bench) places(f *fixture, n *rabbittest.Node) (all []place) {
	proxy := faultproxy.Start(f, n.Addr())
	for _, c := range compressions {
		config, err := b.writeConfig("distance-"+cmp.Or(c, "none")+".ini", proxy.Addr(), c)
		if err != nil {
			f.Fatal(err)
		}
		for _, t := range roundTrips {
			all = append(all, place{proxy, config, c, t})
		}
	}
	return all
}

// run sends everything through the proxy, with the defaults of tstat_send.
func (p place) run(ctx context.Context, b *bench) (result, error) {
	p.proxy.Latency(p.roundTrip / 2)
	return b.send(ctx, "0", "-c", p.config)
}

// remotes returns the medians of all places.
func remotes(places []place, runs [][]result) (all []remote) {
	var local float64
	for i, p := range places {
		m := medianOf(runs[i])
		if p.roundTrip == 0 {
			local = m.seconds
		}
		all = append(all, remote{m, p, local})
	}
	return all
}

// distanceChart shows the time of a run over the distance from the broker.
func distanceChart(all []remote) chart {
	c := chart{file: "distance", title: "All flows to RabbitMQ at a distance, defaults", x: "round trip (ms)", y: "time, without delay = 1", linear: true}
	for _, compression := range compressions {
		l := line{name: cmp.Or(compression, "no compression")}
		for _, r := range all {
			if r.compression == compression {
				l.add(float64(r.roundTrip.Milliseconds()), r.result, r.ratio)
			}
		}
		c.lines = append(c.lines, l)
	}
	return c
}

func writeDistance(say func(format string, args ...any), far []remote) {
	say("\n## At a distance\n")
	say("With the defaults at threshold 0, through a proxy that delays the data. The ratio is the time of a run, divided by the time without delay. Beside its work, every run waits for six delayed round trips.\n")
	say("| compression | round trip, ms | s | fastest to slowest | ratio | messages | confirmed after, mean ms | 99 %% within ms | sender CPU s | sender MB |")
	say("|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range far {
		say("| %s | %d | %.2f | %s | %.2f | %.0f | %.0f | %.0f | %.2f | %.0f |", cmp.Or(r.compression, "none"), r.roundTrip.Milliseconds(),
			r.seconds, r.spread(), r.ratio(r.result), r.messages, r.latency*1e3, r.latency99*1e3, r.cpu, r.resident/1e6)
	}
}
