package amqp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/transport"
)

// closeTimeout bounds the orderly end of a connection.
const closeTimeout = 3 * time.Second

// session is one connection, from its set-up to its end.
type session struct {
	p         *Publisher
	host      string
	socket    *deadlineConn
	conn      *amqp091.Connection
	flow      flow
	confirmed atomic.Bool                   // a message was confirmed on this connection
	closedBy  atomic.Pointer[amqp091.Error] // the broker's or the library's reason for the end
	// spare is a channel in confirm mode that no channelPublisher has taken yet, or nil. It
	// belongs to the goroutine that sets the session up and opens its channels.
	spare     *amqp091.Channel
	roundTrip atomic.Int64 // ns that it took to open a channel
	// stopAbort deregisters the callback that aborts this session when the
	// publisher is killed.
	stopAbort func() bool
	ended     chan struct{} // closed by watch once the library has shut down
}

// newSession connects to one of host's addresses, beginning with the address
// that worked last, and sets a session up there. It returns wrapped errors.
func (p *Publisher) newSession(ctx context.Context, host string) (s *session, err error) {
	preferred, _ := p.address.Load().(string)
	a, err := p.o.addresses(ctx, host, preferred)
	if err != nil {
		return nil, err
	}
	err = a.each(ctx, func(loginCtx context.Context, socket net.Conn) error {
		p.answered.Store(true)
		conn, bounded, err := login(loginCtx, p.o, host, socket)
		if err == nil {
			s, err = p.setUp(ctx, host, conn, bounded)
		}
		if err == nil {
			p.address.Store(socket.RemoteAddr().String())
		}
		return err
	})
	return s, p.vhostLost(host, err)
}

// setUp begins to watch the connection, looks up (or declares) the queue, and
// looks up the exchange. It returns wrapped errors.
func (p *Publisher) setUp(ctx context.Context, host string, conn *amqp091.Connection, socket *deadlineConn) (*session, error) {
	s := &session{p: p, host: host, socket: socket, conn: conn, flow: newFlow(), ended: make(chan struct{})}
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	blockings := conn.NotifyBlocked(make(chan amqp091.Blocking, 8))
	go s.watch(closed, blockings)
	s.stopAbort = context.AfterFunc(p.killed, func() { s.abort(errClosed) })

	p.noteCluster(host, conn)
	err := s.lookUpAndOpen(ctx)
	if err != nil && !conn.IsClosed() {
		err = p.o.topology(host, s.onNewChannel(ctx), p.hasConfirmed(host))
	}
	if err != nil {
		s.close()
		return nil, err
	}
	p.o.Log.Debug("connected", "host", host, "vhost", p.o.VHost, "tls", p.o.TLS != nil,
		"heartbeat", conn.Config.Heartbeat, "frame_max", conn.Config.FrameSize, "broker_version", conn.Properties["version"])
	return s, nil
}

// publish opens up to the given number of channels and publishes on them until the
// connection or the publisher ends. Then it closes the connection. It returns how many
// channels were opened, and the error of the first channel to end, which is nil if the
// publisher has ended. All channels are opened before the first message is published,
// since a broker that refuses a channel closes the whole connection.
func (s *session) publish(channels int) (opened int, err error) {
	defer s.close()
	var publishers []*channelPublisher
	for range channels {
		c := newChannelPublisher(s)
		err := c.open(s.spare)
		s.spare = nil
		if err != nil {
			if len(publishers) > 0 && errors.Is(err, amqp091.ErrChannelMax) {
				break // the library refused, and the connection is still usable
			}
			return len(publishers), err
		}
		publishers = append(publishers, c)
	}
	if len(publishers) < channels {
		s.p.warnOfChannels(s.host, len(publishers), amqp091.ErrChannelMax)
	}
	var g errgroup.Group
	for _, c := range publishers {
		g.Go(c.run)
	}
	return len(publishers), g.Wait()
}

// lookUpAndOpen looks up the queue and the exchange, and opens s.spare, in two round
// trips. It returns a wrapped error. After an error, topology finds out what is missing,
// if the connection is still usable.
func (s *session) lookUpAndOpen(ctx context.Context) error {
	o := s.p.o
	doing := "open a channel"
	switch {
	case o.Queue != "":
		doing = o.lookingUpQueue(o.Queue)
	case o.Exchange != "":
		doing = o.lookingUpExchange()
	}
	err := s.within(ctx, doing, func() error {
		ch, err := s.newChannel()
		if err != nil {
			return err
		}
		if err := o.lookUpAndConfirm(ch); err != nil {
			_ = ch.Close() // mostly the broker has closed it
			return err
		}
		s.spare = ch
		return nil
	})
	if o.Queue != "" {
		return queueMayBeAway(err)
	}
	return err
}

// newChannel opens a channel and records the time that opening takes.
func (s *session) newChannel() (*amqp091.Channel, error) {
	began := time.Now()
	ch, err := s.conn.Channel()
	s.roundTrip.Store(int64(time.Since(began)))
	return ch, err
}

// within calls f, whose action doing names. The library's calls in f have no time
// limit: within aborts the connection after ConnectionTimeout, or when ctx ends. It
// returns a wrapped error.
func (s *session) within(ctx context.Context, doing string, f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.p.o.ConnectionTimeout, &noAnswer{s.p.o.ConnectionTimeout})
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.abort(context.Cause(ctx)) })
	err := f()
	if !stop() && err != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return s.wrap(doing, err)
	}
	return nil
}

// watch drains the library's notifications until the library has shut the connection
// down. It must not call the library, which may be waiting for watch.
func (s *session) watch(closed <-chan *amqp091.Error, blockings <-chan amqp091.Blocking) {
	defer close(s.ended)
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
			s.closedBy.Store(e)
			if e.Server || !s.socket.closing.Load() {
				s.p.o.Log.Debug("connection_closed", "host", s.host, "code", e.Code, "error", e.Reason, "by_broker", e.Server)
			}
		case b, ok := <-blockings:
			if !ok {
				blockings = nil
				continue
			}
			s.setBlocked(b)
			alarm.Stop()
			if b.Active {
				alarm.Reset(s.p.o.BlockedTimeout)
			}
		case <-alarm.C:
			s.p.failAll(retryf("rabbitmq %s: the broker has blocked publishing for %v: free memory or disk space on the broker, or wait",
				s.host, s.p.o.BlockedTimeout))
		}
	}
}

// setBlocked records that the broker has blocked or unblocked the connection.
// A blocked connection has a longer timeout of writes, since the broker reads nothing.
func (s *session) setBlocked(b amqp091.Blocking) {
	if b.Active {
		s.socket.setTimeout(max(s.p.o.BlockedTimeout, s.p.o.WriteTimeout))
		s.p.o.Log.Warn("broker_blocked", "host", s.host, "error", b.Reason, "wait", s.p.o.BlockedTimeout)
	} else {
		s.socket.setTimeout(s.p.o.WriteTimeout)
		s.p.o.Log.Warn("broker_unblocked", "host", s.host)
	}
	s.flow.set(b.Active)
}

// abort ends the connection at once. Messages in flight on it stay unconfirmed.
func (s *session) abort(cause error) { s.socket.abort(cause) }

// close ends the connection, in an orderly way if it is still usable, and waits until
// the library has shut it down. It does not wait for the broker's answer, since no
// message depends on an orderly end.
func (s *session) close() {
	defer s.stopAbort()
	if blocked, _ := s.flow.state(); blocked {
		s.abort(errClosed) // the broker reads nothing, not even a close
	}
	deadline := time.Now().Add(closeTimeout)
	// The library may be waiting for one of its locks and miss the deadline.
	watchdog := time.AfterFunc(closeTimeout, func() { s.abort(errClosed) })
	defer watchdog.Stop()
	s.socket.closing.Store(true)
	_ = s.conn.CloseDeadline(deadline) // an error changes nothing: the socket is closed next
	s.abort(errClosed)
	<-s.ended
}

// wrap returns err as a *transport.Error. doing names the action that failed. If the
// connection has ended, err is only a consequence: wrap replaces it by the broker's
// reason for the end, or by the cause for which the socket was aborted.
func (s *session) wrap(doing string, err error) *transport.Error {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*amqp091.Error](err); !ok || !e.Server {
		err = s.socket.cause(err)
		if e := s.closedBy.Load(); e != nil && (e.Server || err == nil) {
			err = e
		}
	}
	return s.p.o.wrap(s.host, doing, err)
}

// flow records when the broker has blocked a connection.
type flow struct {
	mu      sync.Mutex
	blocked bool
	since   time.Time     // when blocked last changed
	base    time.Duration // clock at since; the clock stops while the connection is blocked
	changed chan struct{} // closed and replaced when blocked changes
}

func newFlow() flow { return flow{since: time.Now(), changed: make(chan struct{})} }

func (f *flow) set(blocked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.since, f.blocked = f.clockLocked(), time.Now(), blocked
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *flow) clockLocked() time.Duration {
	if f.blocked {
		return f.base
	}
	return f.base + time.Since(f.since)
}

// clock returns how long the connection has existed, without the time in which it was
// blocked.
func (f *flow) clock() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clockLocked()
}

// state reports whether the connection is blocked, and returns a channel that is
// closed when blocked changes.
func (f *flow) state() (blocked bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blocked, f.changed
}
