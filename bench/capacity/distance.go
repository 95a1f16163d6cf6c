package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
)

var (
	roundTrips   = []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}
	compressions = []string{"", "zstd"}
)

// remote holds the medians of runs with the defaults at one distance from the broker.
type remote struct {
	result
	compression string
	roundTrip   time.Duration
	ratio       float64 // of the time to the time without delay
}

// distance sends everything through a proxy that delays the data, with the defaults of
// tstat_send.
func (b *bench) distance(ctx context.Context, f *fixture, n *rabbittest.Node, rounds int) (all []remote, err error) {
	proxy := faultproxy.Start(f, n.Addr())
	for _, c := range compressions {
		config := filepath.Join(b.dir, "distance-"+cmp.Or(c, "none")+".ini")
		text := fmt.Appendf(nil, "[rabbit]\nhost = %s\nusername = %s\npassword = %s\nqueue = %s\nrouting_key = %s\ncompression = %s\n",
			proxy.Addr(), rabbittest.User, rabbittest.Password, queue, queue, c)
		if err := os.WriteFile(config, text, 0o600); err != nil {
			return nil, err
		}
		var local float64
		for _, t := range roundTrips {
			proxy.Latency(t / 2)
			var runs []result
			for range rounds {
				r, err := b.send(ctx, "0", "-c", config)
				if err != nil {
					return nil, fmt.Errorf("round trip of %v, compression %q: %w", t, c, err)
				}
				runs = append(runs, r)
			}
			m := medianOf(runs)
			if t == 0 {
				local = m.seconds
			}
			all = append(all, remote{m, c, t, m.seconds / local})
		}
	}
	return all, nil
}

// distanceChart shows the time of a run over the distance from the broker.
func distanceChart(all []remote) chart {
	c := chart{file: "distance", title: "All flows to RabbitMQ at a distance, defaults", x: "round trip (ms)", y: "time, without delay = 1", linear: true}
	for _, compression := range compressions {
		l := line{name: cmp.Or(compression, "no compression")}
		for _, r := range all {
			if r.compression == compression {
				l.add(float64(r.roundTrip.Milliseconds()), r.ratio)
			}
		}
		c.lines = append(c.lines, l)
	}
	return c
}

func writeDistance(say func(format string, args ...any), far []remote) {
	say("\n## At a distance\n")
	say("With the defaults at threshold 0, through a proxy that delays the data. The ratio compares the times of whole runs. With so few messages, most of the part above 1 is the time to log in.\n")
	say("| compression | round trip, ms | s | ratio | messages | confirmed after, mean ms | 99 %% within ms | sender CPU s | sender MB |")
	say("|---|---|---|---|---|---|---|---|---|")
	for _, r := range far {
		say("| %s | %d | %.2f | %.2f | %.0f | %.0f | %.0f | %.2f | %.0f |", cmp.Or(r.compression, "none"), r.roundTrip.Milliseconds(),
			r.seconds, r.ratio, r.messages, r.latency*1e3, r.latency99*1e3, r.cpu, r.resident/1e6)
	}
}
