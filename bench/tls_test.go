package bench

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
)

// BenchmarkTLS compares TLS with plain connections: flows a second, and the processor time of
// tstat_send, with one to four connections. Erlang encrypts each connection in a single process,
// so several connections use several processors. Each iteration sends once in each way, so that a
// machine that is busy for a while slows all of them. The figures are
// made from the least wall time and the least processor time of the runs.
//
//	go test -run '^$' -bench TLS -benchtime 10x ./bench
func BenchmarkTLS(b *testing.B) {
	node := rabbittest.Start(b, rabbittest.WithTLS())
	node.DeclareQueue(b, "/", queue, nil)
	program := build(b)
	tree := logs(b, "tls", loggen.Options{Large: 0.001}, 2, size(b))
	address := net.JoinHostPort("localhost", strconv.Itoa(node.TLSPort()))
	ways := []struct{ name, config string }{
		{"plain", writeConfig(b, b.TempDir(), node.Addr())},
		{"tls", writeConfig(b, b.TempDir(), address, "use_ssl = True", "[ssl_options]", "ca_certs = "+node.CA.CAFile)},
	}
	const most = 4 // connections
	wall, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	for b.Loop() {
		for connections := 1; connections <= most; connections++ {
			for _, w := range ways {
				tree.unmark(b)
				began := time.Now()
				p := start(b, program, "-T", "0", "-c", w.config, "-d", tree.path, "--connections", strconv.Itoa(connections))
				if err := p.wait(); err != nil {
					b.Fatal(err)
				}
				key := fmt.Sprintf("%s_%d", w.name, connections)
				least(wall, key, time.Since(began))
				least(cpu, key, p.cmd.ProcessState.UserTime()+p.cmd.ProcessState.SystemTime())
				if node.QueueLen(b, "/", queue) == 0 {
					b.Fatal("nothing arrived")
				}
				node.DeleteQueue(b, "/", queue)
				node.DeclareQueue(b, "/", queue, nil)
			}
		}
	}
	flows := float64(tree.flows(0))
	for key := range wall {
		b.ReportMetric(flows/wall[key].Seconds()/1e3, key+"_kflows/s")
		b.ReportMetric(cpu[key].Seconds()/flows*1e6, key+"_cpu_us/flow")
	}
	b.ReportMetric(0, "ns/op") // the sum over all ways says nothing
}

// least keeps the smallest time for a key.
func least(times map[string]time.Duration, key string, d time.Duration) {
	if best, ok := times[key]; !ok || d < best {
		times[key] = d
	}
}
