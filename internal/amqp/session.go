package amqp

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"
)

const (
	// closeWait is how long a session waits at most for the broker's answer to
	// connection.close. RabbitMQ logs a warning if the socket ends before it has answered.
	// Distance does not matter: it delays connection.close and the end of the socket alike.
	closeWait = 50 * time.Millisecond
	// closeTimeout is how long the publisher's connections may take to end.
	closeTimeout = 3 * time.Second
)

// session is one of the publisher's connections, from its set-up to its end.
type session struct {
	*connection
	p     *Publisher
	began time.Time
	// channels are the channels that were opened before publishing began.
	channels  []*confirmChannel
	blocked   blockedState
	confirmed atomic.Bool // a message was confirmed on this connection
	// stopAbort deregisters the callback that aborts this session when the
	// publisher is killed.
	stopAbort func() bool
	closing   atomic.Bool   // close has been called
	ended     chan struct{} // closed by watch once the library has shut down
}

// newSession connects to one of host's addresses, beginning with the address
// that worked last, and sets a session up there. Its error is a
// *transport.Error.
func (p *Publisher) newSession(ctx context.Context, host string) (s *session, err error) {
	preferred, _ := p.address.Load().(string)
	a, err := p.o.addresses(ctx, host, preferred)
	if err != nil {
		return nil, err
	}
	err = a.try(ctx, func(loginCtx context.Context, socket net.Conn) error {
		p.answered.Store(true)
		c, err := login(loginCtx, p.o, host, socket)
		if err == nil {
			s, err = p.setUp(ctx, c)
		}
		if err == nil {
			p.address.Store(socket.RemoteAddr().String())
		}
		return err
	})
	if hasReply(err, vhostMissing) && p.hasConfirmed(host) {
		err = p.o.destinationLost(err.Error()+": the vhost", err)
	}
	return s, err
}

// setUp begins to watch c, and makes sure that the queue and the exchange exist. Its
// error is a *transport.Error.
func (p *Publisher) setUp(ctx context.Context, c *connection) (*session, error) {
	s := &session{connection: c, p: p, began: time.Now(), blocked: newBlockedState(), ended: make(chan struct{})}
	closed := c.conn.NotifyClose(make(chan *amqp091.Error, 1))
	blockings := c.conn.NotifyBlocked(make(chan amqp091.Blocking, 8))
	go s.watch(closed, blockings)
	s.stopAbort = context.AfterFunc(p.killed, func() { s.abort(errClosed) })

	p.noteCluster(c.host, c.conn)
	err := s.lookUpAndOpen(ctx)
	if err != nil && !c.conn.IsClosed() {
		// Look up the queue and the exchange one by one, and declare a missing queue.
		err = c.ensureTopology(ctx, p.hasConfirmed(c.host))
	}
	if err != nil {
		s.close()
		return nil, err
	}
	p.o.Log.Debug("connected", "host", c.host, "vhost", p.o.VHost, "tls", p.o.TLS != nil,
		"heartbeat", c.conn.Config.Heartbeat, "frame_max", c.conn.Config.FrameSize, "broker_version", c.conn.Properties["version"])
	return s, nil
}

// lookUpAndOpen looks up the queue and the exchange, and opens the first channel, in two
// round trips. It declares nothing. Its error is a *transport.Error.
func (s *session) lookUpAndOpen(ctx context.Context) error {
	doing := "open a channel"
	switch {
	case s.o.Queue != "":
		doing = s.o.lookingUpQueue(s.o.Queue)
	case s.o.Exchange != "":
		doing = s.o.lookingUpExchange()
	}
	err := s.withTimeout(ctx, doing, func() error {
		ch, err := s.newChannel()
		if err != nil {
			return err
		}
		if err := s.o.lookUpAndConfirm(ch.Channel); err != nil {
			_ = ch.Close() // mostly the broker has closed it
			return err
		}
		s.channels = []*confirmChannel{ch}
		return nil
	})
	if s.o.Queue != "" {
		return queueMayBeAway(err)
	}
	return err
}

// run opens channels until there are as many as wanted, and publishes on them until the
// connection or the publisher ends. Then run closes the connection. It returns the error
// of opening a channel, or else of the first channel to end; nil if something else has
// ended the publisher. All channels are opened before the first message is published,
// since a broker that refuses a channel closes the whole connection.
func (s *session) run(wanted int) error {
	defer s.close()
	for len(s.channels) < wanted {
		ch, err := s.openChannel(s.p.ctx)
		if err != nil && len(s.channels) > 0 && errors.Is(err, amqp091.ErrChannelMax) {
			s.p.warnOfChannels(s.host, len(s.channels), amqp091.ErrChannelMax)
			break // the library refused, and the connection is still usable
		}
		if err != nil {
			return err
		}
		s.channels = append(s.channels, ch)
	}
	var g errgroup.Group
	for _, ch := range s.channels {
		g.Go(newChannelPublisher(s, ch).run)
	}
	return g.Wait()
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
			if e.Server {
				s.closedBy.Store(e)
			}
			if e.Server || !s.closing.Load() {
				s.o.Log.Debug("connection_closed", "host", s.host, "code", e.Code, "error", e.Reason, "by_broker", e.Server)
			}
		case b, ok := <-blockings:
			if !ok {
				blockings = nil
				continue
			}
			s.setBlocked(b)
			alarm.Stop()
			if b.Active {
				alarm.Reset(s.o.BlockedTimeout)
			}
		case <-alarm.C:
			s.p.failAll(retryf("rabbitmq %s: the broker has blocked publishing for %v: free memory or disk space on the broker, or wait",
				s.host, s.o.BlockedTimeout))
		}
	}
}

// setBlocked records that the broker has blocked or unblocked the connection.
// While the connection is blocked, the timeout of writes is at least BlockedTimeout, since
// the broker reads nothing.
func (s *session) setBlocked(b amqp091.Blocking) {
	if b.Active {
		s.socket.setTimeout(max(s.o.BlockedTimeout, s.o.WriteTimeout))
		s.o.Log.Warn("broker_blocked", "host", s.host, "error", b.Reason, "wait", s.o.BlockedTimeout)
	} else {
		s.socket.setTimeout(s.o.WriteTimeout)
		s.o.Log.Warn("broker_unblocked", "host", s.host)
	}
	s.blocked.set(b.Active)
}

// close ends the connection, in an orderly way if it is still usable, and waits until
// the library has shut it down. It does not wait longer than closeWait for the broker's
// answer, since no message depends on an orderly end.
func (s *session) close() {
	defer s.stopAbort()
	if blocked, _ := s.blocked.state(); blocked {
		s.abort(errClosed) // the broker reads nothing, not even a close
	}
	s.closing.Store(true)
	watchdog := time.AfterFunc(closeWait, func() { s.abort(errClosed) })
	defer watchdog.Stop()
	_ = s.conn.Close() // an error changes nothing: the socket is closed next
	s.abort(errClosed)
	<-s.ended
}
