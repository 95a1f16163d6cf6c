// Package demo shows both programs at work, as cron runs them, with a simulated Tstat and a
// private RabbitMQ. As a test it takes a few seconds. "make demo" runs it for a minute.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/testsite"
	"tstat-transport/internal/test/tstatsim"
)

const sensor = "demo"

// demo is one run of the demonstration.
type demo struct {
	t      *testing.T
	w      io.Writer
	ctx    context.Context // ends after the duration, or with Ctrl-C
	began  time.Time
	site   *testsite.Site
	config string // path of the configuration file
	logs   string // the root that Tstat writes to
	tstat  *tstatsim.Sim
	pause  time.Duration // between two runs
	ttl    time.Duration // of a mark, before its directory is culled

	published, confirmed, culled int // so far, by the programs' summaries
}

func TestMain(m *testing.M) { rabbittest.Main(m) }

func TestDemo(t *testing.T) {
	d := &demo{t: t, w: t.Output(), pause: 500 * time.Millisecond}
	duration := 3 * time.Second
	if text := os.Getenv("DEMO_DURATION"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil || duration < time.Second {
			t.Fatalf("DURATION=%s: give a second or more, such as 60s or 2m", text)
		}
		d.w, d.pause = os.Stdout, min(5*time.Second, duration/8)
	}
	interrupt, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	// The ttl and the time between rotations are in proportion to the duration, so Tstat makes
	// about a dozen directories; fewer in less than four seconds, see prepare.
	d.ttl = duration / 10
	d.prepare(duration / 12)
	ctx, cancel := context.WithTimeout(interrupt, duration)
	defer cancel()
	d.ctx = ctx
	d.perform(duration)
	if interrupt.Err() != nil {
		d.say("\ninterrupted: cleaned up")
		return
	}
	d.finish(interrupt)
}

// prepare starts RabbitMQ, builds the programs and writes the configuration. Tstat will start a
// directory every rotation, or every simulated minute if that is longer.
func (d *demo) prepare(rotation time.Duration) {
	t := d.t
	d.say("starting a private RabbitMQ ...")
	n := rabbittest.Start(t)
	testkit.Binary(t, "tstat_send", "") // builds both programs
	d.site = testsite.New(t, n)
	d.site.Rabbit["connection_timeout"] = "1"
	d.config = d.site.ConfigFile()
	n.DeclareQueue(t, d.site.VHost, testsite.Queue, nil)
	n.Persist()
	d.say("RabbitMQ listens on %s, vhost %s,\nqueue %s; it and all files are gone at the end\n", n.Addr(), d.site.VHost, testsite.Queue)
	d.logs = filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(d.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	// A step of ten simulated seconds every 50 ms: 200 times as fast as a real Tstat.
	d.tstat, err = tstatsim.New(d.logs, tstatsim.Options{Seed: 1, Interval: max(time.Minute, 200*rotation), Pace: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
}

// perform lets Tstat write, and runs the programs in turn, for the duration. At half-time the
// broker is away for a turn.
func (d *demo) perform(duration time.Duration) {
	d.began = time.Now()
	var tstat sync.WaitGroup
	tstat.Go(func() {
		if err := d.tstat.Run(d.ctx); err != nil {
			d.t.Error(err)
		}
	})
	defer tstat.Wait()

	d.say(heading)
	outage := false
	for {
		testkit.Pause(d.ctx, d.pause)
		if d.ctx.Err() != nil {
			return
		}
		if !outage && time.Since(d.began) > duration/2 {
			outage = true
			d.say("%5.0fs  the broker is killed (SIGKILL)", time.Since(d.began).Seconds())
			d.site.Node.Kill()
			d.turn()
			d.site.Node.Start()
			d.say("%5.0fs  the broker is back", time.Since(d.began).Seconds())
		}
		d.turn()
	}
}

// finish sends the rest, and compares the rows that arrived with those that were written.
func (d *demo) finish(interrupt context.Context) {
	// The short time-out was for the turn without a broker. A busy machine may exceed it.
	d.site.Rabbit["connection_timeout"] = "30"
	d.config = d.site.ConfigFile()
	if err := d.tstat.Stop(); err != nil {
		d.t.Fatal(err)
	}
	d.say("\nTstat has ended; a last run, and one more when the last marks are old enough:")
	d.turn()
	testkit.Pause(interrupt, d.ttl)
	if interrupt.Err() == nil {
		d.turn()
	}
	left, err := os.ReadDir(d.logs)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(left) > 0 && interrupt.Err() == nil {
		d.t.Errorf("%d directories are left, such as %s, though everything was sent", len(left), left[0].Name())
	}
	d.compare()
}

// say prints text, which must fit a terminal of 80 columns.
func (d *demo) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	for line := range strings.Lines(text) {
		if columns := len(strings.TrimSuffix(line, "\n")); columns > 80 {
			d.t.Errorf("a line of %d columns: %s", columns, line)
		}
	}
	_, _ = io.WriteString(d.w, text)
}
