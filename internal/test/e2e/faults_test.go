package e2e

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/workers"
)

// slow is a bandwidth at which sending the logs of fill takes some seconds, so that a
// fault after the first messages comes in mid-run.
const slow = 1_500_000 // bytes a second

// filled holds the logs that fill writes. They are generated once.
var filled struct {
	once  sync.Once
	files map[string][]byte // by path below the root
}

// fill writes the logs of most tests of faults: four directories with about 6000 rows,
// more than a hundred messages.
func (s *site) fill() {
	s.t.Helper()
	filled.once.Do(func() {
		filled.files = map[string][]byte{}
		for i := range 4 {
			g, err := loggen.New(loggen.Options{Seed: uint64(100 + i), Dirt: 0.01})
			if err != nil {
				s.t.Fatal(err)
			}
			dir := loggen.DirName(firstMinute.Add(time.Duration(i) * time.Hour))
			logs, _ := generateLogs(s.t, g, 750)
			for name, content := range logs {
				filled.files[filepath.Join(dir, name)] = content
			}
		}
	})
	for path, content := range filled.files {
		write(s.t, filepath.Join(s.root, path), string(content))
	}
}

// fillOne writes one log, which is larger than the part that a run with the arguments
// narrow holds in memory, and returns its path.
func (s *site) fillOne() string {
	s.t.Helper()
	path := filepath.Join(s.root, loggen.DirName(firstMinute), tcpLog)
	write(s.t, path, fillOneRows(s.t)...)
	return path
}

// fillOneRows returns the header and the rows of the log that fillOne writes.
func fillOneRows(t testing.TB) []string { return lines(t, loggen.TCP, 5, 6000) }

// narrow are the arguments of a run that holds few messages at a time.
var narrow = []string{"-w", "1", "--channels", "1", "--window", "2"}

// underWay starts a run over a slow link and returns when some messages have arrived. The
// proxy is the link.
func (s *site) underWay(args ...string) (*program, *faultproxy.Proxy) {
	s.t.Helper()
	proxy := s.Through()
	proxy.Bandwidth(slow)
	p := s.start(args...)
	s.awaitArrived(p, 5)
	return p, proxy
}

// wantDelivered makes the link fast, and wants the run to deliver everything.
func (s *site) wantDelivered(p *program, proxy *faultproxy.Proxy, words ...string) result {
	s.t.Helper()
	proxy.Bandwidth(0)
	r := p.wait().want(allDone, words...)
	s.direct()
	s.wantComplete()
	return r
}

// direct makes the next runs connect to the broker without the proxy.
func (s *site) direct() { s.Address(s.Node.Addr()) }

// impatient returns options with short time-outs. No configuration file can set WriteTimeout and
// RetryTimeout, so only a run inside the test's process can have such options.
func (s *site) impatient() amqp.Options {
	return amqp.Options{
		Hosts: []string{s.Rabbit["host"] + ":" + s.Rabbit["port"]}, Username: s.User,
		Password: func() string { return secret }, VHost: s.VHost,
		Queue: queue, QueueOptions: amqp.QueueOptions{Durable: true},
		Connections: 1, Channels: 2, Window: 16,
		Heartbeat: time.Second, ConnectionTimeout: 2 * time.Second, WriteTimeout: 2 * time.Second,
		ConfirmTimeout: 2 * time.Second, BlockedTimeout: 2 * time.Second, RetryTimeout: 4 * time.Second,
		Backoff: 50 * time.Millisecond, MaxBackoff: time.Second,
	}
}

// runInside does what tstat_send does, inside the test's process. rabbittest.Main finds
// the goroutines that the run leaves behind.
func (s *site) runInside(o amqp.Options) error {
	s.t.Helper()
	return s.startInside(o)()
}

// startInside starts the run of runInside. wait waits for its end and returns its error.
func (s *site) startInside(o amqp.Options) (wait func() error) {
	var log testkit.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = s.runWith(o)
	}()
	awaitEnd := func() bool {
		select {
		case <-ended:
			return true
		case <-time.After(testkit.Patience):
			return false
		}
	}
	// If the test has failed before wait, the context of t ends the run.
	s.t.Cleanup(func() { awaitEnd() })
	return func() error {
		s.t.Helper()
		defer func() {
			noSecret(s.t, log.String())
			if s.t.Failed() {
				text := log.String()
				s.t.Logf("the run's log ends with:\n%s", text[max(0, len(text)-4000):])
			}
		}()
		if !awaitEnd() {
			s.t.Fatalf("the run has not ended within %v", testkit.Patience)
		}
		return err
	}
}

func (s *site) runWith(o amqp.Options) error {
	root, err := logdir.OpenRoot(s.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Lock(); err != nil {
		return err
	}
	p, err := amqp.Open(s.t.Context(), o)
	if err != nil {
		return err
	}
	outcome, err := workers.Run(s.t.Context(), workers.Options{
		Roots: []*logdir.Root{root}, Transport: p, Mark: true,
		Settings: message.Settings{Sensor: sensor}, Workers: 2, Publishers: o.Channels * o.Window,
		Grace: 5 * time.Second, Version: "test", Log: o.Log, Counters: new(report.Counters),
	})
	return cmp.Or(err, p.Close(context.Background()), outcome.TransportErr)
}
