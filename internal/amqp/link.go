package amqp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// closeTimeout bounds the orderly end of a connection.
const closeTimeout = 3 * time.Second

// link is one connection, from set-up to its end.
type link struct {
	p         *Publisher
	host      string
	socket    *conn
	conn      *amqp.Connection
	confirmed atomic.Bool   // something was confirmed on it
	unkill    func() bool   // undoes that the publisher's killed aborts it
	ended     chan struct{} // closed by watch once the library has shut down

	mu          sync.Mutex
	blocked     bool
	unblockedAt time.Time     // zero if it never was blocked
	changed     chan struct{} // closed and replaced when blocked changes
	lost        error         // the broker's or the library's reason for the end
}

// newLink connects to host, looks after queue and exchange and starts to watch
// the connection. Its errors are explained.
func (p *Publisher) newLink(ctx context.Context, host string) (*link, error) {
	ac, socket, err := dial(ctx, p.o, host)
	if socket != nil {
		p.answered.Store(true)
	}
	if err != nil {
		return nil, err
	}
	l := &link{p: p, host: host, socket: socket, conn: ac, ended: make(chan struct{}), changed: make(chan struct{})}
	closed := ac.NotifyClose(make(chan *amqp.Error, 1))
	blockings := ac.NotifyBlocked(make(chan amqp.Blocking, 8))
	go l.watch(closed, blockings)
	l.unkill = context.AfterFunc(p.killed, func() { l.abort(errClosed) })

	err = l.within(ctx, func() error { return p.o.topology(host, ac, p.holding(host)) })
	if err != nil {
		l.close()
		return nil, err
	}
	p.o.Log.Debug("connected", "host", host, "vhost", p.o.VHost, "tls", p.o.TLS != nil,
		"heartbeat", ac.Config.Heartbeat, "frame_max", ac.Config.FrameSize, "broker_version", ac.Properties["version"])
	return l, nil
}

// holding says whether messages have been confirmed by host.
func (p *Publisher) holding(host string) bool {
	_, ok := p.holders.Load(host)
	return ok
}

// within calls f, whose calls into the library have no bound of their own, and
// aborts the connection after ConnectionTimeout or when ctx ends.
func (l *link) within(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.p.o.ConnectionTimeout,
		retryf("rabbitmq %s: no answer within %v", l.host, l.p.o.ConnectionTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.abort(context.Cause(ctx)) })
	err := f()
	if !stop() && err != nil {
		return l.p.o.explain(l.host, "set up", context.Cause(ctx))
	}
	return err
}

// watch drains the library's notifications until it has shut the connection
// down. It must not call the library, which may wait for it.
func (l *link) watch(closed <-chan *amqp.Error, blockings <-chan amqp.Blocking) {
	defer close(l.ended)
	alarm := time.NewTimer(0)
	alarm.Stop()
	defer alarm.Stop()
	for closed != nil || blockings != nil {
		select {
		case e, ok := <-closed:
			if !ok {
				closed = nil
				continue
			}
			l.p.o.Log.Debug("connection closed", "host", l.host, "code", e.Code, "reason", e.Reason, "by_broker", e.Server)
			l.mu.Lock()
			l.lost = e
			l.mu.Unlock()
		case b, ok := <-blockings:
			if !ok {
				blockings = nil
				continue
			}
			l.setBlocked(b)
			alarm.Stop()
			if b.Active {
				alarm.Reset(l.p.o.BlockedTimeout)
			}
		case <-alarm.C:
			l.p.fail(retryf("rabbitmq %s: the broker has blocked publishing for %v: free memory or disk space there, or wait",
				l.host, l.p.o.BlockedTimeout))
		}
	}
}

func (l *link) setBlocked(b amqp.Blocking) {
	// A write that is held up by the alarm is not a dead peer's.
	if b.Active {
		l.socket.setTimeout(max(l.p.o.BlockedTimeout, l.p.o.WriteTimeout))
		l.p.o.Log.Warn("blocked", "host", l.host, "reason", b.Reason, "wait", l.p.o.BlockedTimeout)
	} else {
		l.socket.setTimeout(l.p.o.WriteTimeout)
		l.p.o.Log.Warn("unblocked", "host", l.host)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked = b.Active
	if !b.Active {
		l.unblockedAt = time.Now()
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// flow says whether publishing is blocked, when it last ceased to be, and gives
// a channel that is closed when this changes.
func (l *link) flow() (blocked bool, since time.Time, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked, l.unblockedAt, l.changed
}

// abort ends the connection at once. Everything on it that was not confirmed
// counts as unconfirmed.
func (l *link) abort(cause error) { l.socket.abort(cause) }

// close ends the connection in an orderly way if it still stands, and waits
// until the library has shut it down.
func (l *link) close() {
	defer l.unkill()
	if blocked, _, _ := l.flow(); blocked {
		l.abort(errClosed) // the broker reads nothing, not even that we close
	}
	deadline := time.Now().Add(closeTimeout)
	// From outside, since the library may be waiting for a lock.
	watchdog := time.AfterFunc(closeTimeout, func() { l.abort(errClosed) })
	defer watchdog.Stop()
	_ = l.conn.CloseDeadline(deadline) // nothing is left to be lost with it
	l.abort(errClosed)
	<-l.ended
}

// why explains the end of the connection; err is what was noticed of it.
func (l *link) why(err error) *transport.Error {
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	err = l.socket.why(err)
	// What the broker said before it closed tells more than what followed.
	if e, ok := errors.AsType[*amqp.Error](lost); ok && (e.Server || err == nil) {
		err = e
	}
	return l.p.o.explain(l.host, "publish", err)
}
