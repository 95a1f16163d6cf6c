package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"tstat-transport/internal/transport"
)

var (
	errClosed  = errors.New("the publisher was closed")
	errStopped = errors.New("publishing was stopped")
)

// Publisher is a transport.Transport that publishes to RabbitMQ.
type Publisher struct {
	o          *Options
	compressor *transport.Compressor

	requests chan *request // unbuffered; never closed
	backlog  backlog
	inFlight *semaphore.Weighted // bytes

	// ctx ends everything; its cause is why. killed follows closeTimeout later
	// and ends connections that are still there.
	ctx    context.Context
	cancel context.CancelCauseFunc
	killed context.Context
	kill   context.CancelFunc
	wg     sync.WaitGroup // of the supervisors

	answered      atomic.Bool  // some host has accepted a socket
	host          atomic.Int64 // index of the host that worked last
	sizeLimit     atomic.Int64 // bytes of body that the broker takes; 0 if not known
	lastConfirmed atomic.Int64 // in ns since the epoch
	holders       sync.Map     // hosts that have confirmed something; string -> true
	health        health
	counters      counters
}

var _ transport.Transport = (*Publisher)(nil)

// Open connects to the first host that works, looks the queue up (and declares
// it where it does not exist) and the exchange. Where nobody answers it is soon
// over; a host that does answer, and is perhaps being restarted, is waited for
// as later on, for RetryTimeout. Its error is a *transport.Error.
//
// The further connections are made behind the caller's back; what is wrong with
// them is an error of Send.
func Open(ctx context.Context, options Options) (*Publisher, error) {
	p, err := newPublisher(options)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	l, err := p.connect(ctx, func(rounds int) bool {
		return rounds < openRounds || p.answered.Load() && time.Since(began) < p.o.RetryTimeout
	})
	if err != nil {
		p.cancel(errClosed)
		p.kill()
		return nil, err
	}
	p.health.up()
	p.wg.Go(func() { p.supervise(l) })
	for range p.o.Connections - 1 {
		p.wg.Go(func() { p.supervise(nil) })
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
		requests: make(chan *request),
		backlog:  backlog{ready: make(chan struct{}, 1)},
		inFlight: semaphore.NewWeighted(o.MaxBytesInFlight),
	}
	p.compressor, _ = transport.NewCompressor(o.Compression) // checked by withDefaults
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.killed, p.kill = context.WithCancel(context.Background())
	context.AfterFunc(p.ctx, func() { time.AfterFunc(closeTimeout, p.kill) })
	return p, nil
}

// Send publishes m and returns nil once the broker has confirmed it and has not
// returned it. It retries inside, within the limits of Options. Its error is a
// *transport.Error. When ctx ends first, m may have been delivered all the same.
func (p *Publisher) Send(ctx context.Context, m *transport.Message) error {
	if len(m.ID) > maxShortString {
		return &transport.Error{Verdict: transport.Misconfigured,
			Err: fmt.Errorf("rabbitmq: message id of %d bytes is longer than the %d that AMQP allows", len(m.ID), maxShortString)}
	}
	body := m.Body
	if p.compressor.Name() != "" {
		body = p.compressor.Append(nil, m.Body)
	}
	if limit := int(p.sizeLimit.Load()); limit > 0 && len(body) > limit {
		return p.tooLarge(m.ID, len(body), limit)
	}
	weight := min(int64(len(body)), p.o.MaxBytesInFlight)
	if p.inFlight.Acquire(ctx, weight) != nil {
		return p.stopped(ctx, m.ID)
	}
	defer p.inFlight.Release(weight)

	r := &request{id: m.ID, body: body, size: len(body), done: make(chan error, 1)}
	select {
	case p.requests <- r:
	case <-ctx.Done():
		return p.stopped(ctx, m.ID)
	case <-p.ctx.Done():
		return p.stopped(ctx, m.ID)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
	r.abandon()
	select {
	case err := <-r.done: // settled in the meantime
		return err
	default:
		return p.stopped(ctx, m.ID)
	}
}

// stopped is the error of a message that was not settled when the publisher's
// or the caller's context ended.
func (p *Publisher) stopped(ctx context.Context, id string) error {
	if p.ctx.Err() == nil {
		return interrupted(ctx, id)
	}
	cause := context.Cause(p.ctx)
	if errors.Is(cause, errClosed) {
		return interrupted(p.ctx, id)
	}
	return cause
}

// tooLarge is the error of a message of size bytes, as sent, that is over the
// broker's limit.
func (p *Publisher) tooLarge(id string, size, limit int) error {
	return &transport.Error{Verdict: transport.TooLarge,
		Err: fmt.Errorf("rabbitmq: message %s of %d bytes is larger than the %d that the broker takes: split it, or raise max_message_size there", id, size, limit)}
}

// fail ends the publisher with err for every message that is not settled.
func (p *Publisher) fail(err error) { p.cancel(err) }

// Close ends the connections and waits for every goroutine. It takes no longer
// than a few seconds, and less when ctx ends. Messages that are not settled are
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
	case <-gone: // without their sockets they end
		return nil
	case <-time.After(closeTimeout):
		return retryf("rabbitmq: a connection did not end within %v of being closed", closeTimeout)
	}
}
