package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/privacy"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/workers"
)

// BenchmarkPipelinePrivacy runs the pipeline without delivery for each way of replacing
// addresses. It reports the processor time of each way, divided by the time without replacing.
// The times are the shortest of at least 15 runs. The ways take turns, so that other work on
// the machine slows all of them. In the logs "new", which are generated, nearly every client has
// a new address. The logs "repeated" are rows of a real Tstat with few addresses.
//
//	go test -run '^$' -bench PipelinePrivacy -benchtime 40x ./bench
func BenchmarkPipelinePrivacy(b *testing.B) {
	policies := []*privacy.Policy{
		{Mode: privacy.None},
		{Mode: privacy.Truncate, IPv4: 24, IPv6: 48},
		{Mode: privacy.CryptoPAn, Key: bytes.Repeat([]byte{1, 2, 3, 4}, privacy.KeySize/4)},
	}
	for _, addresses := range []struct {
		name string
		tree func(*testing.B) tree
	}{{"new", sensorLogs}, {"repeated", repeatedLogs}} {
		for _, threshold := range thresholds {
			b.Run(fmt.Sprintf("addresses=%s/threshold=%s", addresses.name, threshold.name), func(b *testing.B) {
				t := addresses.tree(b)
				shortest := make([]time.Duration, len(policies))
				turn := func() {
					for i, policy := range policies {
						before := processorTime(b)
						n := run(b, t.path, discard{}, func(o *workers.Options) {
							o.Workers, o.Threshold, o.Settings.Privacy = 1, threshold.bytes, policy
						})
						took := processorTime(b) - before
						if n.Rows.Load() != t.books.Rows || n.Malformed.Load() != t.books.Malformed {
							b.Fatalf("%d rows of %d, %d malformed of %d", n.Rows.Load(), t.books.Rows, n.Malformed.Load(), t.books.Malformed)
						}
						if shortest[i] == 0 || took < shortest[i] {
							shortest[i] = took
						}
					}
				}
				turns := 0
				for b.Loop() {
					turn()
					turns++
				}
				for ; turns < 15; turns++ {
					turn()
				}
				b.ReportMetric(0, "ns/op") // the time of all ways together is not of interest
				b.ReportMetric(float64(shortest[0].Nanoseconds())/float64(t.books.Rows), "ns/row")
				for i, policy := range policies[1:] {
					b.ReportMetric(float64(shortest[i+1])/float64(shortest[0]), string(policy.Mode))
				}
			})
		}
	}
}

// repeatedLogs returns a root whose logs repeat the rows of a real Tstat's logs.
func repeatedLogs(b *testing.B) tree {
	b.Helper()
	t := tree{path: filepath.Join(scratch, "repeated")}
	dir := filepath.Join(t.path, loggen.DirName(firstHour))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	addresses := make(map[string]bool)
	var read int64
	for _, name := range []string{"log_tcp_complete", "log_udp_complete"} {
		log, err := os.ReadFile(filepath.Join("../testdata/corpus/level15/2026_11_22_20_26.out", name))
		if err != nil {
			b.Fatal(err)
		}
		header, genuine, _ := bytes.Cut(log, []byte("\n"))
		columns := strings.Fields(string(header))
		for row := range bytes.Lines(genuine) {
			read++
			for i, field := range strings.Fields(string(row)) {
				// In front of c_ip, the first column, stand one or more #.
				if strings.Contains(columns[i], "c_ip:") || strings.HasPrefix(columns[i], "s_ip:") {
					addresses[field] = true
				}
			}
		}
		times := int(size(b)/2)/len(genuine) + 1
		log = append(append(header, '\n'), bytes.Repeat(genuine, times)...)
		if err := os.WriteFile(filepath.Join(dir, name), log, 0o600); err != nil {
			b.Fatal(err)
		}
		t.books.Rows += int64(times * bytes.Count(genuine, []byte("\n")))
	}
	b.Logf("%d rows with %d addresses", read, len(addresses))
	return t
}

// processorTime returns the processor time of this process so far, with the kernel's.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
