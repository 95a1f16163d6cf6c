package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

// residentLimit is the limit in bytes for the memory of tstat_send with two workers, whatever
// it reads and however slow the broker is.
const residentLimit = 64e6

// The memory of the program grows neither with the logs nor while the broker is stopped.
func TestMemory(t *testing.T) {
	program := build(t)
	size := int64(100e6)
	if testing.Short() {
		size = 50e6
	}
	for _, c := range []struct {
		name  string
		dirs  int
		bytes int64
	}{{"small", 1, 10e6}, {"onelog", 1, size}, {"directories", 2000, 2000 * 5000}} {
		for _, threshold := range []string{"0", "1000"} {
			t.Run(c.name+"/threshold="+threshold, func(t *testing.T) {
				logs := logs(t, "memory-"+c.name, loggen.Options{Large: 0.001}, c.dirs, c.bytes)
				var p *process
				for p == nil || p.resident == 0 { // it may end before its memory is read
					p = start(t, program, "-N", "-T", threshold, "-d", logs.path)
					if err := p.wait(); err != nil {
						t.Fatal(err)
					}
				}
				p.checkResident(t)
			})
		}
	}
	t.Run("stalled broker", func(t *testing.T) {
		node := rabbittest.Start(t)
		node.DeclareQueue(t, "/", queue, nil)
		config := writeConfig(t, t.TempDir(), node.Addr())
		logs := logs(t, "memory-stalled", loggen.Options{}, 2, 100e6)
		p := start(t, program, "-T", "0", "-c", config, "-d", logs.path)
		testkit.Await(t, "messages in the queue", func() bool { return node.QueueLen(t, "/", queue) > 0 })
		node.Pause()
		last, changed := int64(-1), time.Now()
		testkit.Await(t, "the sender to use no processor time for a second", func() bool {
			if used := p.cpuTicks(); used != last {
				last, changed = used, time.Now()
			}
			return time.Since(changed) > time.Second
		})
		if p.exited() {
			t.Fatalf("tstat_send ended: %s", p.log)
		}
		p.checkResident(t)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.wait() // it was killed
	})
}

// The program sends real logs to a near and to a distant broker. A distant broker confirms
// late, so as many messages as possible are in flight.
func TestMemoryRabbit(t *testing.T) {
	node := rabbittest.Start(t)
	node.DeclareQueue(t, "/", queue, nil)
	proxy := faultproxy.Start(t, node.Addr())
	program := build(t)
	for _, compression := range []string{"none", "gzip", "zstd"} {
		for _, roundTrip := range []time.Duration{0, 200 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/roundtrip=%s", compression, roundTrip), func(t *testing.T) {
				logs := tstatLogs(t, 60)
				proxy.Latency(roundTrip / 2)
				config := writeConfig(t, t.TempDir(), proxy.Addr(), "compression = "+strings.TrimPrefix(compression, "none"))
				before := node.QueueLen(t, "/", queue)
				p := start(t, program, "-T", "0", "-c", config, "-d", logs)
				if err := p.wait(); err != nil {
					t.Fatal(err)
				}
				if n := node.QueueLen(t, "/", queue) - before; n < 1000 {
					t.Errorf("%d messages arrived, want at least 1000: too few to fill the memory", n)
				}
				p.checkResident(t)
			})
		}
	}
}

// tstatLogs writes two directories of logs below a new root, and returns the root. The
// rows are those of logs that Tstat wrote, repeated.
func tstatLogs(t *testing.T, times int) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{"2026_11_22_22_30.out", "2026_11_22_23_32.out"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"log_tcp_complete", "log_udp_complete"} {
			log, err := os.ReadFile(filepath.Join("../testdata/corpus/rotation", dir, name))
			if err != nil {
				t.Fatal(err)
			}
			header, rows, _ := bytes.Cut(log, []byte("\n"))
			log = slices.Concat(header, []byte("\n"), bytes.Repeat(rows, times))
			if err := os.WriteFile(filepath.Join(root, dir, name), log, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// build builds tstat_send without cgo, as releases are built.
func build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tstat_send")
	cmd := exec.Command("go", "build", "-o", program, "../cmd/tstat_send")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build tstat_send: %v\n%s", err, out)
	}
	return program
}

// process is a running program whose memory is measured.
type process struct {
	cmd  *exec.Cmd
	log  *strings.Builder
	err  error         // of Wait
	done chan struct{} // closed when the program has ended
	// resident is the largest resident set that measure has seen, in bytes.
	resident int64
}

// start starts program with two workers.
func start(t testing.TB, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), program, append(args, "-w", "2")...), log: new(strings.Builder), done: make(chan struct{})}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	return p
}

// wait waits until the process ends, and measures its memory meanwhile.
func (p *process) wait() error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			if p.err != nil {
				return fmt.Errorf("tstat_send: %w: %s", p.err, p.log)
			}
			return nil
		case <-ticker.C:
			p.measure()
		}
	}
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// measure updates resident.
func (p *process) measure() {
	p.resident = max(p.resident, testkit.Memory(p.cmd.Process.Pid, "VmHWM"))
}

func (p *process) checkResident(t testing.TB) {
	t.Helper()
	if !p.exited() {
		p.measure()
	}
	t.Logf("resident set: %.1f MB", float64(p.resident)/1e6)
	if p.resident == 0 || p.resident > residentLimit {
		t.Errorf("resident set of %.1f MB, want at most %.1f", float64(p.resident)/1e6, residentLimit/1e6)
	}
}

// cpuTicks returns the processor time used so far, in clock ticks; see proc(5).
func (p *process) cpuTicks() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return user + system
}
