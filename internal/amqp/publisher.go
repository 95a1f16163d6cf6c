package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tstat-transport/internal/delivery"
	"tstat-transport/internal/transport"
)

var (
	errClosed  = errors.New("the publisher was closed")
	errStopped = errors.New("publishing was stopped") // by the end of Send's context
)

// Publisher is a transport.Transport that publishes to RabbitMQ.
type Publisher struct {
	o      *Options
	opened time.Time // when Open began

	requests chan *request // unbuffered; never closed
	backlog  backlog

	// ctx ends when the publisher ends; its cause is the reason. killed ends
	// at most closeTimeout after ctx, and aborts the remaining connections.
	ctx    context.Context
	cancel context.CancelCauseFunc
	killed context.Context
	kill   context.CancelFunc
	wg     sync.WaitGroup // the goroutines that call supervise

	answered       atomic.Bool  // some host has accepted a socket
	host           atomic.Int64 // index of the host that worked last
	address        atomic.Value // string: the address:port that worked last
	sizeLimit      atomic.Int64 // the broker's limit of a body in bytes; 0 if not known
	lastConfirmed  atomic.Int64 // when a message was last confirmed, in ns since opened
	confirmedHosts sync.Map     // hosts that have confirmed something; string -> true
	clusters       sync.Map     // host -> name of its cluster
	resends        resends
	channelWarning sync.Once
	sessions       sessionCount
	counters       delivery.Counters
}

var _ transport.Transport = (*Publisher)(nil)

// Open connects to the first host that works, and looks up the queue and the
// exchange. It declares a queue that does not exist. If no host ever answers, Open
// gives up after openRounds. A host that answers and then fails may be restarting:
// Open waits for such a host for RetryTimeout. Its error is a *transport.Error.
//
// Open returns when the first connection is set up. The other connections are made
// in the background; Send returns their errors.
func Open(ctx context.Context, options Options) (*Publisher, error) {
	p, err := newPublisher(options)
	if err != nil {
		return nil, err
	}
	s, err := p.connect(ctx, func(rounds int, _ error) bool {
		return rounds < openRounds || p.answered.Load() && time.Since(p.opened) < p.o.RetryTimeout
	})
	if err != nil {
		p.cancel(errClosed)
		p.kill()
		return nil, err
	}
	p.wg.Go(func() { p.supervise(s) })
	for range p.o.Connections - 1 {
		p.wg.Go(func() { p.supervise(p.connectWithinOutage()) })
	}
	return p, nil
}

func newPublisher(options Options) (*Publisher, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Publisher{
		o:        o,
		opened:   time.Now(),
		requests: make(chan *request),
		backlog:  backlog{ready: make(chan struct{}, 1)},
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.killed, p.kill = context.WithCancel(context.Background())
	context.AfterFunc(p.ctx, func() { time.AfterFunc(closeTimeout, p.kill) })
	return p, nil
}

// Send publishes m and returns nil once the broker has confirmed it and has not
// returned it. Send retries within the limits of Options. Its error is a
// *transport.Error. If ctx ends first, m may or may not have been delivered.
func (p *Publisher) Send(ctx context.Context, m *transport.Message) error {
	if len(m.ID) > maxShortString {
		return &transport.Error{Verdict: transport.Misconfigured,
			Err: fmt.Errorf("rabbitmq: message id of %d bytes is longer than the %d that AMQP allows", len(m.ID), maxShortString)}
	}
	lent, done := &lentBody{bytes: m.Body}, make(chan error, 1)
	r := &request{id: m.ID, encoding: m.Encoding, taken: m.Taken, size: m.SentSize(), body: lent, done: done}
	select {
	case p.requests <- r:
	case <-ctx.Done():
		return p.stopped(ctx, m.ID)
	case <-p.ctx.Done():
		return p.stopped(ctx, m.ID)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
	lent.takeBack()
	select {
	case err := <-done: // answered in the meantime
		return err
	default:
		return p.stopped(ctx, m.ID)
	}
}

// stopped returns the error of a message that was not confirmed when the
// publisher's or the caller's context ended.
func (p *Publisher) stopped(ctx context.Context, id string) error {
	cause := context.Cause(ctx)
	if p.ctx.Err() != nil {
		if cause = context.Cause(p.ctx); !errors.Is(cause, errClosed) {
			return cause
		}
	}
	return retryf("rabbitmq: message %s was not confirmed before the run was stopped: %w", id, cause)
}

// giveUpTooLarge gives r up, and returns true, if r exceeds the broker's limit of a body, as
// far as the limit is known.
func (p *Publisher) giveUpTooLarge(r *request) bool {
	limit := int(p.sizeLimit.Load())
	if limit == 0 || r.size <= limit {
		return false
	}
	p.resends.end(r)
	r.done <- &transport.Error{Verdict: transport.TooLarge,
		Err: fmt.Errorf("rabbitmq: message %s has %d bytes, and the broker's limit is %d: split the message, or raise max_message_size of the broker", r.id, r.size, limit)}
	return true
}

// mayRetry reports whether r, whose attempt has failed, has another attempt.
func (p *Publisher) mayRetry(r *request) bool {
	return r.attempts < p.o.Attempts &&
		(r.firstFailed.IsZero() || time.Since(r.firstFailed) < p.o.RetryTimeout)
}

// retryOrGiveUp records that an attempt to deliver r has failed because of cause. It
// returns true if the caller is to retry r. Otherwise it gives r up and answers its Send.
// If no message was confirmed since r first failed, it also fails the whole publisher,
// since the other messages would fail too.
func (p *Publisher) retryOrGiveUp(r *request, cause error) (retry bool) {
	if r.firstFailed.IsZero() {
		r.firstFailed = time.Now()
	}
	if p.mayRetry(r) {
		return true
	}
	err := retryf("rabbitmq: message %s was given up after %d attempts: %w", r.id, r.attempts, cause)
	if !p.confirmedSince(r.firstFailed) {
		p.failAll(err)
	}
	r.done <- err
	return false
}

// confirmedSince reports whether a message was confirmed at t or later. It compares monotonic
// times: the clock may be set back during a run.
func (p *Publisher) confirmedSince(t time.Time) bool {
	return p.lastConfirmed.Load() >= int64(t.Sub(p.opened))
}

// failAll ends the publisher: every message that is not confirmed fails with err.
func (p *Publisher) failAll(err error) { p.cancel(err) }

// Stats returns what has been counted since Open. It may be called at any time.
func (p *Publisher) Stats() delivery.Stats { return p.counters.Stats() }

// Close ends the connections and waits for every goroutine. It takes at most
// 4 * closeTimeout, and less if ctx ends. Messages that are not confirmed are
// given up.
func (p *Publisher) Close(ctx context.Context) error {
	p.cancel(errClosed)
	gone := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(gone)
	}()
	ctx, cancel := context.WithTimeout(ctx, 3*closeTimeout)
	defer cancel()
	defer p.kill()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		p.kill()
	}
	select {
	case <-gone: // the goroutines end once their sockets are closed
		return nil
	case <-time.After(closeTimeout):
		return retryf("rabbitmq: a connection did not end within %v of being closed", closeTimeout)
	}
}
