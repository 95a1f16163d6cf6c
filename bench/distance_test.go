package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
)

// roundTrips are the distances to the broker.
var roundTrips = []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// BenchmarkDistance sends everything with two workers and otherwise the defaults of tstat_send
// to a broker behind a proxy that delays the data. Each iteration sends once from each distance, so that
// a machine that is busy for a while slows all of them. x_100ms is the time of a run
// with a round trip of 100 ms relative to local_s, the time without delay. All times
// are minima, and resident_MB is a maximum.
//
//	go test -run '^$' -bench Distance -benchtime 10x ./bench -args -logs 100M
func BenchmarkDistance(b *testing.B) {
	d := newDistance(b)
	for _, compression := range []string{"", "zstd", "gzip"} {
		b.Run("compression="+cmp.Or(compression, "none"), func(b *testing.B) {
			best := make([]distanceRun, len(roundTrips))
			for b.Loop() {
				for i, roundTrip := range roundTrips {
					d.proxy.Latency(roundTrip / 2)
					r := d.run(b, compression)
					if best[i].wall == 0 || r.wall < best[i].wall {
						best[i].wall = r.wall
					}
					best[i].resident = max(best[i].resident, r.resident)
				}
			}
			var resident int64
			b.ReportMetric(best[0].wall.Seconds(), "local_s")
			for i, r := range best {
				resident = max(resident, r.resident)
				if i > 0 {
					b.ReportMetric(r.wall.Seconds()/best[0].wall.Seconds(), fmt.Sprintf("x_%dms", roundTrips[i].Milliseconds()))
				}
			}
			b.ReportMetric(float64(resident)/1e6, "resident_MB")
			b.ReportMetric(0, "ns/op") // the sum of all distances says nothing
		})
	}
}

// distance is tstat_send, logs, and a broker behind a proxy.
type distance struct {
	program, dir string
	logs         tree
	broker       *broker
	proxy        *faultproxy.Proxy
}

func newDistance(b *testing.B) *distance {
	k := newBroker(b)
	return &distance{
		program: build(b), dir: b.TempDir(), broker: k,
		logs:  logs(b, "distance", loggen.Options{Large: 0.001}, 2, size(b)),
		proxy: faultproxy.Start(b, k.node.Addr()),
	}
}

// distanceRun holds the measurements of one run.
type distanceRun struct {
	wall     time.Duration
	resident int64 // bytes
}

// run sends all logs once.
func (d *distance) run(b *testing.B, compression string) distanceRun {
	b.StopTimer()
	defer b.StartTimer()
	d.logs.unmark(b)
	d.broker.purge(b, -1)
	config := writeConfig(b, d.dir, d.proxy.Addr(), "compression = "+compression)
	report := filepath.Join(d.dir, "report.json")
	b.StartTimer()
	began := time.Now()
	p := start(b, d.program, "-T", "0", "-c", config, "-d", d.logs.path, "--report", report)
	if err := p.wait(); err != nil {
		b.Fatal(err)
	}
	r := distanceRun{wall: time.Since(began), resident: p.resident}
	b.StopTimer()
	text, err := os.ReadFile(report)
	if err != nil {
		b.Fatal(err)
	}
	var account struct {
		Counts struct {
			Confirmed, Flows int64
		} `json:"counts"`
	}
	if err := json.Unmarshal(text, &account); err != nil {
		b.Fatal(err)
	}
	if account.Counts.Flows != d.logs.flows(0) {
		b.Fatalf("%d flows, want %d", account.Counts.Flows, d.logs.flows(0))
	}
	d.broker.purge(b, int(account.Counts.Confirmed))
	return r
}

// unmark removes all state files, so that a run sends everything again.
func (t tree) unmark(b testing.TB) {
	b.Helper()
	marks, err := filepath.Glob(filepath.Join(t.path, "*", ".process*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range marks {
		if err := os.Remove(m); err != nil {
			b.Fatal(err)
		}
	}
}

// writeConfig writes a configuration file for the broker at address, with more lines at its
// end, and returns its path.
func writeConfig(t testing.TB, dir, address string, lines ...string) string {
	t.Helper()
	config := filepath.Join(dir, "config.ini")
	text := fmt.Sprintf("[rabbit]\nhost = %s\nusername = %s\npassword = %s\nqueue = %s\nrouting_key = %s\n",
		address, rabbittest.User, rabbittest.Password, queue, queue)
	for _, l := range lines {
		text += l + "\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}
