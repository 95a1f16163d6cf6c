package amqp

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"tstat-transport/internal/transport"
)

// openRounds is how often Open tries all hosts if none of them has ever answered.
// The number is small, so that a run from cron ends soon if no broker listens.
const openRounds = 3

// supervise runs s and the sessions that replace it, until the publisher ends or the broker
// allows no channel beside those of the other connections. It fails the publisher if
// sessions keep being established and lost for RetryTimeout without a single confirmation.
// supervise(nil) does nothing.
func (p *Publisher) supervise(s *session) {
	channels := p.o.Channels
	var losses losses
	for s != nil {
		err := s.run(channels)
		left := p.sessions.ended()
		opened := len(s.channels)
		switch limited := hasReply(err, channelLimitReached) && opened < channels; {
		case p.ctx.Err() != nil:
			return
		case transport.VerdictOf(err) != transport.Retry:
			p.failAll(err)
			return
		case limited && opened > 0:
			p.warnOfChannels(s.host, opened, err)
			channels = opened
		case limited && left > 0:
			p.warnOfChannels(s.host, opened, err)
			return // the other connections go on
		default:
			losses.add(s, p.o.RetryTimeout)
			if time.Since(losses.since) >= p.o.RetryTimeout && !p.confirmedSince(losses.since) {
				p.failAll(err)
				return
			}
			wait := p.backoff(losses.count)
			p.o.Log.Warn("connection_lost", "error", err, "again_in", wait)
			pause(p.ctx, wait)
		}
		if s = p.connectWithinOutage(); s != nil {
			p.counters.Reconnects.Add(1)
		}
	}
}

// losses are the sessions in a row that were lost without a confirmation.
type losses struct {
	count int
	since time.Time // the loss from which RetryTimeout counts
}

// add counts the loss of s. If s has confirmed a message, a new row begins after s.
// RetryTimeout counts from the first loss of a row, and counts anew from the loss of a
// session that lived for RetryTimeout.
func (l *losses) add(s *session, retryTimeout time.Duration) {
	if s.confirmed.Load() {
		*l = losses{since: time.Now()}
		return
	}
	l.count++
	if l.count == 1 || time.Since(s.began) >= retryTimeout {
		l.since = time.Now()
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

// connectWithinOutage connects. It tries until the publisher has had no session at all
// for RetryTimeout. After an error of connect it fails the publisher and returns nil. If
// the broker allows no channel beside those of the other connections, it only returns nil.
func (p *Publisher) connectWithinOutage() *session {
	limited := false
	s, err := p.connect(p.ctx, func(_ int, err error) bool {
		outage := p.sessions.outage()
		limited = outage == 0 && hasReply(err, channelLimitReached)
		return !limited && outage < p.o.RetryTimeout
	})
	switch {
	case err == nil:
		return s
	case limited:
		p.warnOfChannels(p.o.Hosts[p.host.Load()], 0, err)
	default:
		p.failAll(err) // without effect if the publisher has ended
	}
	return nil
}

// connect tries all hosts, round after round, until one works or keepTrying(rounds, err)
// is false. An error with another verdict than Retry ends connect at once, except that
// refused credentials get a second attempt: RabbitMQ also refuses them while its
// authentication backend (LDAP, HTTP) fails (try_authenticate, rabbit_access_control.erl).
func (p *Publisher) connect(ctx context.Context, keepTrying func(rounds int, err error) bool) (*session, error) {
	loginRetried := false
	for rounds := 1; ; rounds++ {
		s, errs := p.tryHosts(ctx)
		if s != nil {
			p.sessions.began()
			return s, nil
		}
		err := joinErrors(errs)
		again := err.Verdict == transport.Retry && keepTrying(rounds, err)
		if hasReply(err, loginRefused) && !loginRetried {
			loginRetried, again = true, true
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if !again {
			// If a host has answered, its name is right, and the name service is at fault.
			if !p.answered.Load() && namesUnknown(errs) {
				err.Verdict = transport.Misconfigured
			}
			return nil, err
		}
		wait := p.backoff(rounds)
		p.o.Log.Warn("broker_unreachable", "error", err, "again_in", wait)
		pause(ctx, wait)
	}
}

// tryHosts tries each host once, beginning with the host that worked last. It returns
// the error of each host if none works.
func (p *Publisher) tryHosts(ctx context.Context) (*session, []*transport.Error) {
	var errs []*transport.Error
	hosts, start := p.o.Hosts, int(p.host.Load())
	for i := range hosts {
		n := (start + i) % len(hosts)
		s, err := p.newSession(ctx, hosts[n])
		if err == nil {
			p.host.Store(int64(n))
			return s, nil
		}
		p.o.Log.Debug("host_failed", "host", hosts[n], "error", err)
		wrapped := p.o.wrap(hosts[n], "connect", err)
		if errors.Is(err, transport.ErrDestinationLost) {
			return nil, []*transport.Error{wrapped} // another host cannot help
		}
		errs = append(errs, wrapped)
	}
	return nil, errs
}

// namesUnknown reports whether each of errs says that a host's name does not exist.
func namesUnknown(errs []*transport.Error) bool {
	for _, err := range errs {
		if d, ok := errors.AsType[*net.DNSError](err); !ok || !d.IsNotFound {
			return false
		}
	}
	return true
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

// sessionCount is the number of sessions that the publisher has.
type sessionCount struct {
	mu        sync.Mutex
	n         int
	lastEnded time.Time // when a session last ended
}

func (c *sessionCount) began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

// ended returns how many sessions are left.
func (c *sessionCount) ended() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	c.lastEnded = time.Now()
	return c.n
}

// outage returns for how long the publisher has had no session.
func (c *sessionCount) outage() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n > 0 {
		return 0
	}
	return time.Since(c.lastEnded)
}
