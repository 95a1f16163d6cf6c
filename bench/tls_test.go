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
// tstat_send. It tries two connections, since Erlang encrypts each connection in one process.
//
//	go test -run '^$' -bench TLS -benchtime 3x ./bench
func BenchmarkTLS(b *testing.B) {
	node := rabbittest.Start(b, rabbittest.WithTLS())
	node.DeclareQueue(b, "/", queue, nil)
	program := build(b)
	tree := logs(b, "tls", loggen.Options{Large: 0.001}, 2, size(b))
	address := net.JoinHostPort("localhost", strconv.Itoa(node.TLSPort()))
	for name, config := range map[string]string{
		"plain": writeConfig(b, b.TempDir(), node.Addr()),
		"tls":   writeConfig(b, b.TempDir(), address, "use_ssl = True", "[ssl_options]", "ca_certs = "+node.CA.CAFile),
	} {
		for _, connections := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/connections=%d", name, connections), func(b *testing.B) {
				var cpu time.Duration
				for b.Loop() {
					b.StopTimer()
					tree.unmark(b)
					b.StartTimer()
					p := start(b, program, "-T", "0", "-c", config, "-d", tree.path, "--connections", strconv.Itoa(connections))
					if err := p.wait(); err != nil {
						b.Fatal(err)
					}
					cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
				}
				flows := float64(tree.flows(0)) * float64(b.N)
				b.ReportMetric(flows/b.Elapsed().Seconds(), "flows/s")
				b.ReportMetric(cpu.Seconds()/flows*1e6, "cpu_us/flow")
			})
		}
	}
	if node.QueueLen(b, "/", queue) == 0 {
		b.Fatal("nothing arrived")
	}
}
