package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-json"
	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

const queue = "flows"

// bench is tstat_send, the logs that it sends, and the broker that it sends to.
type bench struct {
	dir, program, config string
	logs                 map[string]logs // by threshold
	node                 *rabbittest.Node
	ch                   *amqp.Channel
}

// logs are a root of logs and their books.
type logs struct {
	root  string
	books loggen.Books
}

func (b *bench) prepare(f *fixture, n *rabbittest.Node) error {
	b.node = n
	n.DeclareQueue(f, "/", queue, nil)
	ch, err := n.Dial(f, "/").Channel()
	if err != nil {
		return err
	}
	b.ch = ch
	b.config, err = b.writeConfig("config.ini", n.Addr(), "")
	return err
}

// writeConfig writes a configuration file for the broker at address, and returns its path.
func (b *bench) writeConfig(name, address, compression string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, fmt.Appendf(nil,
		"[rabbit]\nhost = %s\nusername = %s\npassword = %s\nqueue = %s\nrouting_key = %s\ncompression = %s\n",
		address, rabbittest.User, rabbittest.Password, queue, queue, compression), 0o600)
}

// account holds the parts of tstat_send's report that are used.
type account struct {
	Counts struct {
		Rows, Flows, Confirmed, Marked int64
		BodyBytes                      int64 `json:"body_bytes"`
	} `json:"counts"`
	Latency struct {
		Count   uint64  `json:"count"`
		Mean    float64 `json:"mean_seconds"`
		Max     float64 `json:"max_seconds"`
		Buckets []struct {
			Below *float64 `json:"below_seconds"`
			Count uint64   `json:"count"`
		} `json:"buckets"`
	} `json:"confirm_latency"`
}

// run sends all logs of a point's threshold once, with the settings of the point.
func (b *bench) run(ctx context.Context, p point) (result, error) {
	r, err := b.send(ctx, p.threshold, "-c", b.config, "-w", strconv.Itoa(p.workers), "--connections", strconv.Itoa(p.connections),
		"--channels", strconv.Itoa(p.channels), "--window", strconv.Itoa(p.window))
	r.point = p
	return r, err
}

// send sends all logs of a threshold once, and checks that everything arrived.
func (b *bench) send(ctx context.Context, threshold string, args ...string) (result, error) {
	l := b.logs[threshold]
	if err := l.unmark(); err != nil {
		return result{}, err
	}
	if _, err := b.ch.QueuePurge(queue, false); err != nil {
		return result{}, err
	}
	report := filepath.Join(b.dir, "report.json")
	cmd := exec.CommandContext(ctx, b.program, append(args, "-d", l.root, "-S", "sensor.example.net", "-T", threshold, "--report", report)...)
	log := new(strings.Builder)
	cmd.Stderr = log
	brokerBefore := processCPU(b.node.Pid())
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- peakResident(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	resident := <-peak
	if err != nil {
		return result{}, fmt.Errorf("%w: %s", err, log)
	}
	wall := time.Since(began).Seconds()
	r := result{seconds: wall, resident: float64(resident), brokerCPU: processCPU(b.node.Pid()) - brokerBefore}
	r.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	r.brokerResident = float64(testkit.Memory(b.node.Pid(), "VmRSS"))

	text, err := os.ReadFile(report)
	if err != nil {
		return r, err
	}
	var a account
	if err := json.Unmarshal(text, &a); err != nil {
		return r, fmt.Errorf("report of the run: %w", err)
	}
	n, err := b.ch.QueuePurge(queue, false)
	if err != nil {
		return r, err
	}
	if a.Counts.Rows != l.books.Rows || int64(n) != a.Counts.Confirmed || a.Counts.Marked == 0 || a.Counts.Flows != l.books.Flows {
		return r, fmt.Errorf("%d messages in the queue; the run counted %+v, the logs hold %+v", n, a.Counts, l.books)
	}
	r.rows, r.flows, r.messages = float64(a.Counts.Rows), float64(a.Counts.Flows), float64(a.Counts.Confirmed)
	r.json = float64(a.Counts.BodyBytes)
	r.latency, r.latency99 = a.Latency.Mean, a.percentile(0.99)
	return r, nil
}

// percentile returns an upper bound for the times of the given share of the confirmations.
func (a *account) percentile(share float64) float64 {
	var below uint64
	for _, bucket := range a.Latency.Buckets {
		below += bucket.Count
		if float64(below) >= share*float64(a.Latency.Count) && bucket.Below != nil {
			return min(*bucket.Below, a.Latency.Max)
		}
	}
	return a.Latency.Max
}

// unmark removes all state files, so that a run sends everything again.
func (l logs) unmark() error {
	marks, err := filepath.Glob(filepath.Join(l.root, "*", ".process*"))
	for _, m := range marks {
		if e := os.Remove(m); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// processCPU returns the processor time of the threads of a process, in seconds. The figure for
// the whole process has a resolution of a hundredth of a second only.
func processCPU(pid int) (seconds float64) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	for _, t := range threads {
		text, _ := os.ReadFile(t) // missing or empty if the thread has ended
		var ns float64
		_, _ = fmt.Sscan(string(text), &ns)
		seconds += ns / 1e9
	}
	return seconds
}

// peakResident returns the largest resident set of a process, in bytes, as seen until ended is
// closed.
func peakResident(pid int, ended <-chan struct{}) (peak int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
			peak = max(peak, testkit.Memory(pid, "VmHWM"))
		}
	}
}
