package amqp

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"tstat-transport/internal/transport"
)

// openRounds is how often Open tries hosts of which none has ever answered: soon
// over where nobody listens, as a run from cron should be.
const openRounds = 3

// supervise keeps one connection slot connected until the publisher ends. l is
// the slot's first connection, already counted as up, or nil. It ends the
// publisher when connections come about and break again for RetryTimeout,
// while nothing is confirmed on any.
func (p *Publisher) supervise(l *link) {
	var since time.Time // the first of so many failures in a row
	for failures, first := 0, true; ; first = false {
		if l == nil {
			var err error
			l, err = p.connect(p.ctx, func(int) bool { return p.health.outage() < p.o.RetryTimeout })
			if err != nil {
				p.fail(err) // without effect when it was the publisher that ended
				return
			}
			p.health.up()
			if !first {
				p.counters.reconnects.Add(1)
			}
		}
		began := time.Now()
		err := p.run(l)
		p.health.down()
		if p.ctx.Err() != nil {
			return
		}
		if transport.VerdictOf(err) != transport.Retry {
			p.fail(err)
			return
		}
		failures++
		if l.confirmed.Load() {
			failures = 0
		}
		now := time.Now()
		if failures <= 1 || now.Sub(began) >= p.o.RetryTimeout { // it was of use, or stood
			since = now
		}
		if now.Sub(since) >= p.o.RetryTimeout && p.lastConfirmed.Load() < since.UnixNano() {
			p.fail(err)
			return
		}
		l = nil
		wait := p.backoff(failures)
		p.o.Log.Warn("connection lost", "error", err, "again_in", wait)
		pause(p.ctx, wait)
	}
}

// run lets the owners of l's channels work until they end, with the
// publisher, or with the connection; then it closes l.
func (p *Publisher) run(l *link) error {
	errs := make(chan error, p.o.Channels)
	var wg sync.WaitGroup
	for range p.o.Channels {
		wg.Go(func() { errs <- newOwner(p, l).run() })
	}
	wg.Wait()
	l.close()
	return <-errs // the first to end noticed the cause
}

// connect makes rounds of the hosts until one works or patient(rounds) says
// that it is enough. What needs somebody to act ends it at once, except that
// credentials get a second chance.
func (p *Publisher) connect(ctx context.Context, patient func(rounds int) bool) (*link, error) {
	refused := false
	for rounds := 1; ; rounds++ {
		l, err := p.round(ctx)
		if err == nil {
			return l, nil
		}
		again := transport.VerdictOf(err) == transport.Retry && patient(rounds)
		if loginRefused(err) && !refused {
			refused, again = true, true
		}
		if !again || ctx.Err() != nil {
			return nil, err
		}
		wait := p.backoff(rounds)
		p.o.Log.Warn("cannot connect", "error", err, "again_in", wait)
		pause(ctx, wait)
	}
}

// round tries each host once, beginning with the one that worked last.
func (p *Publisher) round(ctx context.Context) (*link, error) {
	var errs []*transport.Error
	hosts, start := p.o.Hosts, int(p.host.Load())
	for i := range hosts {
		n := (start + i) % len(hosts)
		l, err := p.newLink(ctx, hosts[n])
		if err == nil {
			p.host.Store(int64(n))
			return l, nil
		}
		p.o.Log.Debug("cannot connect", "host", hosts[n], "error", err)
		errs = append(errs, p.o.explain(hosts[n], "connect", err))
	}
	return nil, worst(errs)
}

// backoff is how long to wait after so many failures in a row: twice as long
// each time, and at random between half of that and all, so that many senders
// do not come back at once.
func (p *Publisher) backoff(failures int) time.Duration {
	d := p.o.MaxBackoff
	if failures < 16 {
		d = min(d, p.o.Backoff<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// health knows for how long no connection has stood.
type health struct {
	mu    sync.Mutex
	links int
	since time.Time // when links became 0
}

func (h *health) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links++
}

func (h *health) down() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links--
	h.since = time.Now()
}

func (h *health) outage() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.links > 0 {
		return 0
	}
	return time.Since(h.since)
}
