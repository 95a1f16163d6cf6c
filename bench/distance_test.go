package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
)

// BenchmarkDistance sends everything with the defaults of tstat_send to a broker behind a proxy
// that delays the data. x_local is the time of a run relative to the time through the same
// proxy without delay.
//
//	go test -run '^$' -bench Distance -benchtime 3x ./bench
func BenchmarkDistance(b *testing.B) {
	d := newDistance(b)
	for _, compression := range []string{"", "zstd", "gzip"} {
		var local time.Duration
		for _, roundTrip := range []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
			name := fmt.Sprintf("compression=%s/roundtrip=%s", cmp.Or(compression, "none"), roundTrip)
			b.Run(name, func(b *testing.B) {
				d.proxy.Latency(roundTrip / 2)
				var times []time.Duration
				var resident int64
				var p99 float64
				for b.Loop() {
					r := d.run(b, compression)
					times, resident, p99 = append(times, r.wall), max(resident, r.resident), max(p99, r.p99)
				}
				slices.Sort(times)
				median := times[len(times)/2]
				if roundTrip == 0 {
					local = median
				}
				b.ReportMetric(median.Seconds(), "s")
				b.ReportMetric(median.Seconds()/local.Seconds(), "x_local")
				b.ReportMetric(float64(resident)/1e6, "resident_MB")
				b.ReportMetric(p99*1e3, "ms_p99")
			})
		}
	}
}

// distance is tstat_send, logs, and a broker behind a proxy.
type distance struct {
	program, dir string
	logs         tree
	node         *rabbittest.Node
	broker       *broker
	proxy        *faultproxy.Proxy
}

func newDistance(b *testing.B) *distance {
	k := newBroker(b)
	return &distance{
		program: build(b), dir: b.TempDir(), node: k.node, broker: k,
		logs:  logs(b, "distance", loggen.Options{Large: 0.001}, 2, size(b)),
		proxy: faultproxy.Start(b, k.node.Addr()),
	}
}

// distanceRun holds the measurements of one run.
type distanceRun struct {
	wall     time.Duration
	resident int64   // bytes
	p99      float64 // seconds: an upper bound of 99 % of the confirmation times
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
		Latency struct {
			Count   uint64  `json:"count"`
			Max     float64 `json:"max_seconds"`
			Buckets []struct {
				Below *float64 `json:"below_seconds"`
				Count uint64   `json:"count"`
			} `json:"buckets"`
		} `json:"confirm_latency"`
	}
	if err := json.Unmarshal(text, &account); err != nil {
		b.Fatal(err)
	}
	if account.Counts.Flows != d.logs.flows(0) {
		b.Fatalf("%d flows, want %d", account.Counts.Flows, d.logs.flows(0))
	}
	d.broker.purge(b, int(account.Counts.Confirmed))
	r.p99 = account.Latency.Max
	var below uint64
	for _, bucket := range account.Latency.Buckets {
		below += bucket.Count
		if below*100 >= account.Latency.Count*99 && bucket.Below != nil {
			r.p99 = min(*bucket.Below, account.Latency.Max)
			break
		}
	}
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
