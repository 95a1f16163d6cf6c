package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/testsite"
)

var logBytes = flag.Int64("logs", 32<<20, "bytes of the logs whose flows BenchmarkArchive stores")

// BenchmarkArchive stores flows from the queue in the table. Broker and database are on the
// same machine and sync to the disk. It reports the processor times of the consumer, the broker
// and the database for each flow.
func BenchmarkArchive(b *testing.B) {
	node, db := rabbittest.Start(b), startPostgres(b)
	site := testsite.New(b, node)
	node.DeclareQueue(b, site.VHost, testsite.Queue, nil)
	root := filepath.Join(b.TempDir(), "tstat")
	g, err := loggen.New(loggen.Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	books, err := g.Tree(root, 8, *logBytes/8)
	if err != nil {
		b.Fatal(err)
	}
	sender, consumer := build(b, "../..", "./cmd/tstat_send"), build(b, ".", ".")
	config := site.ConfigFile()
	flows := 0
	var times [3]time.Duration // of the consumer, the broker, the database
	memory := int64(0)
	b.StopTimer()
	b.ResetTimer()
	for i := range b.N {
		flows += int(books.Flows)
		send := exec.Command(sender, "-d", root, "-c", config, "-T", "0", "-S", "sensor"+strconv.Itoa(i))
		if out, err := send.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		for _, mark := range marks(b, root) {
			if err := os.Remove(mark); err != nil {
				b.Fatal(err)
			}
		}
		before := [2]time.Duration{processTime(b, node.Pid()), db.time()}
		b.StartTimer()
		cmd := exec.Command(consumer, "-queue", testsite.Queue)
		cmd.Env = append(cmd.Environ(), "RABBIT_URL="+node.URL(site.VHost), "DATABASE_URL="+db.url())
		c := testkit.Start(b, cmd)
		testkit.Await(b, "all messages to be acknowledged", func() bool {
			return count(b, node, site.VHost, testsite.Queue, false) == "0"
		})
		b.StopTimer()
		times[1] += processTime(b, node.Pid()) - before[0]
		times[2] += db.time() - before[1]
		used := testkit.Memory(c.Cmd.Process.Pid, "VmHWM")
		if used == 0 {
			b.Fatal("the consumer's memory cannot be read")
		}
		memory = max(memory, used)
		c.Signal(syscall.SIGTERM)
		if e := c.Wait(); e.Status != 0 {
			b.Fatalf("the consumer ended with %d:\n%s", e.Status, e.Log)
		}
		times[0] += c.Cmd.ProcessState.UserTime() + c.Cmd.ProcessState.SystemTime()
	}
	if got := table(b, db.url()).size(); got != flows {
		b.Errorf("%d flows in the table, want %d", got, flows)
	}
	b.ReportMetric(float64(memory)/1e6, "consumer-MB")
	b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
	for i, part := range []string{"consumer", "broker", "database"} {
		b.ReportMetric(float64(times[i].Microseconds())/float64(flows), part+"-µs/flow")
	}
}

// marks returns the paths of the marks below root.
func marks(b *testing.B, root string) []string {
	b.Helper()
	found, err := filepath.Glob(root + "/*/.processed")
	if err != nil || len(found) == 0 {
		b.Fatalf("tstat_send has marked nothing: %v", err)
	}
	return found
}

// time returns the processor time of the server and of all its processes so far.
func (p *postgres) time() time.Duration {
	p.t.Helper()
	sum := processTime(p.t, p.cmd.Process.Pid)
	for _, child := range children(p.cmd.Process.Pid) {
		sum += processTime(p.t, child)
	}
	return sum
}

// processTime returns the processor time of a process and of its children that have ended; see
// proc(5).
func processTime(t testing.TB, pid int) (sum time.Duration) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it has ended
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	for _, ticks := range strings.Fields(rest)[11:15] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * (time.Second / 100)
	}
	return sum
}

// BenchmarkRead measures the cost of a message before it goes to the database.
func BenchmarkRead(b *testing.B) {
	bodies := messagesOf(goldenFlows(b, "level15"), 100)
	flows := 0
	for i := 0; b.Loop(); i++ {
		m := read(asDelivery("s/0/d/log@0-9", bodies[i%len(bodies)]))
		if m.fault != nil {
			b.Fatal(m.fault)
		}
		flows += len(m.flows)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(flows), "µs/flow")
}
