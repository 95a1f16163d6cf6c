package main

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/testsite"
)

var chaos = flag.Duration("chaos", 10*time.Second, "how long TestExactlyOnce kills processes")

const (
	sensor = "sensor.example.net" // the sensor id in the golden files
	dead   = "tstat_dead"
)

// pipeline is everything from the logs to the table. Each part is a process of its own.
type pipeline struct {
	t                *testing.T
	rand             *rand.Rand
	node             *rabbittest.Node
	site             *testsite.Site
	config           string
	db               *postgres
	root             string
	logs             []*growingLog
	sender, consumer string // paths of the programs

	consumers []*testkit.Program
	repeated  int            // flows that consumers dropped as repeats
	kills     map[string]int // by part
}

func newPipeline(t *testing.T, queueType string) *pipeline {
	t.Helper()
	p := &pipeline{t: t, node: rabbittest.Start(t), db: startPostgres(t, "fsync=off"), root: filepath.Join(t.TempDir(), "tstat"), kills: map[string]int{}}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p.rand = rand.New(rand.NewPCG(seed, 0))
	p.site = testsite.New(t, p.node)
	p.node.DeclareQueue(t, p.site.VHost, testsite.Queue, amqp.Table{"x-queue-type": queueType})
	p.node.DeclareQueue(t, p.site.VHost, dead, nil)
	p.node.Persist()
	p.config = p.site.ConfigFile()
	p.consumer = build(t, ".", ".")
	p.sender = build(t, "../..", "./cmd/tstat_send")
	if err := os.Mkdir(p.root, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// build builds a program of the module in dir, with failpoints.
func build(t testing.TB, dir, name string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", dir, "-tags", "failpoints", "-o", path, name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", name, err, out)
	}
	return path
}

// growingLog is a log to which rows are added.
type growingLog struct {
	path  string
	kind  reference.Protocol
	maker *loggen.Maker
	rows  uint64
	clock time.Time
}

// addLogs starts a directory with two logs.
func (p *pipeline) addLogs() {
	p.t.Helper()
	start := time.Date(2026, 1, 15, len(p.logs)/2, 0, 0, 0, time.UTC)
	dir := filepath.Join(p.root, "live", loggen.DirName(start))
	g, err := loggen.New(loggen.Options{Seed: uint64(len(p.logs)), Start: start})
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for proto, kind := range map[loggen.Proto]reference.Protocol{loggen.TCP: reference.TCP, loggen.UDP: reference.UDP} {
		l := &growingLog{filepath.Join(dir, "log_"+proto.String()+"_complete"), kind, g.Maker(proto, 0), 0, start}
		if err := os.WriteFile(l.path, []byte(l.maker.Header()), 0o644); err != nil {
			p.t.Fatal(err)
		}
		p.logs = append(p.logs, l)
	}
}

// grow adds rows to a log.
func (l *growingLog) grow(t testing.TB, rows int) {
	t.Helper()
	var text []byte
	for range rows {
		l.clock = l.clock.Add(100 * time.Millisecond)
		text = l.maker.Append(text, l.rows, l.clock)
		l.rows++
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		defer file.Close()
		_, err = file.Write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flows adds the flows of the growing logs to all.
func (p *pipeline) flows(all multiset) multiset {
	p.t.Helper()
	for _, l := range p.logs {
		result, err := reference.Read(testkit.ReadLog(p.t, l.path), l.kind, reference.Settings{Sensor: sensor})
		if err != nil {
			p.t.Fatal(err)
		}
		all.addFlows(p.t, result.Flows())
	}
	return all
}

// send starts tstat_send. If failpoint is not empty, the program dies there.
func (p *pipeline) send(failpoint string) *testkit.Program {
	p.t.Helper()
	cmd := exec.Command(p.sender, "-d", p.root, "-c", p.config, "-S", sensor, "-T", "0")
	cmd.Env = append(cmd.Environ(), "TSTAT_FAILPOINT="+failpoint)
	return testkit.Start(p.t, cmd)
}

// sendAll runs tstat_send until a run succeeds.
func (p *pipeline) sendAll() {
	p.t.Helper()
	for range 5 {
		e := p.send("").Wait()
		if e.Status == 0 {
			return
		}
		p.t.Logf("tstat_send ended with %d:\n%s", e.Status, e.Log)
	}
	p.t.Fatal("five runs of tstat_send have failed")
}

func (p *pipeline) consume() *testkit.Program {
	p.t.Helper()
	cmd := exec.Command(p.consumer, "-v", "-queue", testsite.Queue, "-dead", dead, "-batch", "20")
	cmd.Env = append(cmd.Environ(), "RABBIT_URL="+p.node.URL(p.site.VHost), "DATABASE_URL="+p.db.url())
	return testkit.Start(p.t, cmd)
}

var repeatedFlows = regexp.MustCompile(`event=batch_stored .*repeated=([0-9]+)`)

// retire ends a consumer with a signal, and counts the repeats in its log.
func (p *pipeline) retire(c *testkit.Program, signal syscall.Signal) {
	p.t.Helper()
	c.Signal(signal)
	e := c.Wait()
	if signal != syscall.SIGKILL && e.Status != 0 {
		p.t.Errorf("the consumer ended with %d:\n%s", e.Status, e.Log)
	}
	for _, m := range repeatedFlows.FindAllStringSubmatch(e.Log, -1) {
		n, _ := strconv.Atoi(m[1])
		p.repeated += n
	}
}

// drain runs two consumers until all messages are acknowledged, and ends them.
func (p *pipeline) drain() {
	p.t.Helper()
	for len(p.consumers) < 2 {
		p.consumers = append(p.consumers, p.consume())
	}
	testkit.Await(p.t, "all messages to be acknowledged", func() bool {
		return count(p.t, p.node, p.site.VHost, testsite.Queue, false) == "0"
	})
	for _, c := range p.consumers {
		p.retire(c, syscall.SIGTERM)
	}
	p.consumers = nil
	if n := p.node.QueueLen(p.t, p.site.VHost, dead); n > 0 {
		p.t.Errorf("%d dead letters", n)
	}
}

// upTo returns a random duration below d.
func (p *pipeline) upTo(d time.Duration) time.Duration {
	return time.Duration(p.rand.Int64N(int64(d)))
}

// kill kills a part other than the sender, and starts it again.
func (p *pipeline) kill(part string) {
	p.t.Helper()
	p.kills[part]++
	switch part {
	case "broker":
		p.node.Kill()
		testkit.Pause(p.t.Context(), p.upTo(300*time.Millisecond))
		p.node.Start()
	case "database":
		p.db.kill()
		testkit.Pause(p.t.Context(), p.upTo(300*time.Millisecond))
		p.db.start()
	case "consumer":
		i := p.rand.IntN(len(p.consumers))
		p.retire(p.consumers[i], syscall.SIGKILL)
		p.consumers[i] = p.consume()
	}
}

// TestExactlyOnce kills sender, consumers, broker and database at random, while real logs and
// growing logs are sent. In the end the table holds each flow as often as the logs do.
func TestExactlyOnce(t *testing.T) {
	p := newPipeline(t, "quorum")
	copyLogs(t, p.root)
	for range 2 {
		p.consumers = append(p.consumers, p.consume())
	}
	failpoints := []string{"", "", "publishing", "confirmed", "confirmed", "settled", "written", "renamed"}
	var parts []string // the parts to kill, in random order
	began := time.Now()
	for time.Since(began) < *chaos || len(parts) > 0 {
		if len(parts) == 0 {
			parts = strings.Fields("broker database database consumer consumer consumer none none")
			p.rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		if len(p.logs) == 0 || p.rand.IntN(20) == 0 {
			p.addLogs()
		}
		for range 2 {
			p.logs[len(p.logs)-1-p.rand.IntN(min(len(p.logs), 4))].grow(t, 1+p.rand.IntN(200))
		}
		point := failpoints[p.rand.IntN(len(failpoints))]
		if point != "" {
			point += ":" + strconv.Itoa(1+p.rand.IntN(8))
		}
		sender := p.send(point)
		testkit.Pause(p.t.Context(), p.upTo(100*time.Millisecond))
		p.kill(parts[0])
		parts = parts[1:]
		if sender.RunsFor(p.upTo(500 * time.Millisecond)) {
			sender.Signal(syscall.SIGKILL)
		}
		switch e := sender.Wait(); {
		case e.Signal == syscall.SIGKILL:
			p.kills["sender"]++
		case e.Status != 0 && e.Status != 75:
			t.Fatalf("tstat_send ended with %d:\n%s", e.Status, e.Log)
		}
	}
	killed := time.Since(began)
	p.sendAll()
	sent := time.Since(began)
	p.drain()
	t.Logf("killed for %s, sent after %s, drained after %s", killed, sent, time.Since(began))
	want := p.flows(golden(t))
	t.Logf("%d flows in %d logs and the real ones, %d repeats dropped; killed: %v", want.size(), len(p.logs), p.repeated, p.kills)
	wantFlows(t, p.db.url(), want)
	if p.kills["sender"] == 0 {
		t.Error("the sender was never killed")
	}
	if p.repeated == 0 {
		t.Error("no flow arrived twice: nothing was tested")
	}
}

// TestGrownLog: the sender dies when everything is confirmed and the mark is not written yet.
// Then the log grows, and its last message arrives again, longer.
func TestGrownLog(t *testing.T) {
	p := newPipeline(t, "classic")
	p.addLogs()
	for _, l := range p.logs {
		l.grow(t, 130)
	}
	if e := p.send("settled:1").Wait(); e.Signal != syscall.SIGKILL {
		t.Fatalf("tstat_send was not killed:\n%s", e.Log)
	}
	for _, l := range p.logs {
		l.grow(t, 130)
	}
	p.sendAll()
	p.drain()
	want := p.flows(multiset{})
	wantFlows(t, p.db.url(), want)
	if p.repeated == 0 {
		t.Error("no flow arrived twice: nothing was tested")
	}
}
