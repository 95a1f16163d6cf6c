package amqp

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// openRounds is how often Open tries all hosts if none of them has ever answered.
// The number is small, so that a run from cron ends soon if no broker listens.
const openRounds = 3

// supervise keeps one of the publisher's connections connected until the
// publisher ends. s is the session that Open has set up, or nil. supervise
// fails the publisher if connections keep being established and lost for
// RetryTimeout without a single confirmation.
func (p *Publisher) supervise(s *session) {
	channels := p.o.Channels
	var since time.Time // when the current row of failures began
	for failures, first := 0, true; ; first = false {
		if s == nil {
			var err error
			s, err = p.connect(p.ctx, func(int) bool { return p.health.outage() < p.o.RetryTimeout })
			if err != nil {
				p.failAll(err) // without effect if the publisher has ended
				return
			}
			p.health.up()
			if !first {
				p.counters.Reconnects.Add(1)
			}
		}
		began := time.Now()
		opened, err := s.publish(channels)
		others := p.health.down()
		if p.ctx.Err() != nil {
			return
		}
		if transport.VerdictOf(err) != transport.Retry {
			p.failAll(err)
			return
		}
		if channelLimit(err) && opened < channels && (opened > 0 || others > 0) {
			p.warnOfChannels(s.host, opened, err)
			if opened == 0 {
				return // the other connections go on
			}
			channels, s = opened, nil
			continue
		}
		failures++
		if s.confirmed.Load() {
			failures = 0
		}
		now := time.Now()
		// A connection that confirmed a message, or lasted long, ends the row.
		if failures <= 1 || now.Sub(began) >= p.o.RetryTimeout {
			since = now
		}
		if now.Sub(since) >= p.o.RetryTimeout && p.lastConfirmed.Load() < since.UnixNano() {
			p.failAll(err)
			return
		}
		s = nil
		wait := p.backoff(failures)
		p.o.Log.Warn("connection_lost", "error", err, "again_in", wait)
		pause(p.ctx, wait)
	}
}

// warnOfChannels logs, once in a run, that the broker allows fewer channels than the
// options ask for.
func (p *Publisher) warnOfChannels(host string, opened int, err error) {
	p.channelWarning.Do(func() {
		p.o.Log.Warn("channels_limited", "host", host, "wanted", p.o.Channels, "opened", opened, "error", err,
			"hint", "the run goes on with the channels that it can get; use fewer --channels or --connections, or raise the limit")
	})
}

// connect tries all hosts, round after round, until one works or keepTrying(rounds)
// is false. An error with another verdict than Retry ends connect at once, except that
// refused credentials get a second attempt: a broker that drops the connection looks
// the same.
func (p *Publisher) connect(ctx context.Context, keepTrying func(rounds int) bool) (*session, error) {
	refused := false
	for rounds := 1; ; rounds++ {
		s, unknown, err := p.round(ctx)
		if err == nil {
			return s, nil
		}
		again := err.Verdict == transport.Retry && keepTrying(rounds)
		if loginRefused(err) && !refused {
			refused, again = true, true
		}
		if ctx.Err() == nil && !again && !p.answered.Load() && unknown {
			err.Verdict = transport.Misconfigured // the name did not exist in any round
		}
		if !again || ctx.Err() != nil {
			return nil, err
		}
		wait := p.backoff(rounds)
		p.o.Log.Warn("broker_unreachable", "error", err, "again_in", wait)
		pause(ctx, wait)
	}
}

// round tries each host once, beginning with the host that worked last. unknown
// reports that the names of all hosts are unknown.
func (p *Publisher) round(ctx context.Context) (s *session, unknown bool, _ *transport.Error) {
	unknown = true
	var errs []*transport.Error
	hosts, start := p.o.Hosts, int(p.host.Load())
	for i := range hosts {
		n := (start + i) % len(hosts)
		s, err := p.newSession(ctx, hosts[n])
		if err == nil {
			p.host.Store(int64(n))
			return s, false, nil
		}
		p.o.Log.Debug("host_failed", "host", hosts[n], "error", err)
		wrapped := p.o.wrap(hosts[n], "connect", err)
		if errors.Is(err, transport.ErrDestinationLost) {
			return nil, false, wrapped // another host cannot help
		}
		unknown = unknown && unknownName(err)
		errs = append(errs, wrapped)
	}
	return nil, unknown, mostSevere(errs)
}

// unknownName reports whether err says that a host's name does not exist.
func unknownName(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// channelLimit reports whether the broker closed the connection because of a
// limit of channels.
func channelLimit(err error) bool {
	e, ok := errors.AsType[*amqp091.Error](err)
	return ok && e.Server && e.Code == amqp091.NotAllowed && channelLimitReached.MatchString(e.Reason)
}

// backoff returns how long to wait after a number of failures in a row. The time
// doubles with each failure. The wait is a random time between half of it and all of
// it, so that many senders do not come back at once.
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

// health records for how long the publisher has had no connection.
type health struct {
	mu       sync.Mutex
	sessions int
	since    time.Time // when sessions became 0
}

func (h *health) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions++
}

// down returns how many connections are left.
func (h *health) down() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions--
	h.since = time.Now()
	return h.sessions
}

func (h *health) outage() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions > 0 {
		return 0
	}
	return time.Since(h.since)
}
