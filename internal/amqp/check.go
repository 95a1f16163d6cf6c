package amqp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"tstat-transport/internal/transport"
)

// Check tries every host in turn as Open would, looks up queue and exchange, and
// asks for the permissions that a run needs. It delivers no message and declares
// nothing. Each wait is bounded by ConnectionTimeout, or closeTimeout when
// closing, and ends with ctx.
func Check(ctx context.Context, options Options) []transport.Finding {
	o, err := options.withDefaults()
	if err != nil {
		return []transport.Finding{{Err: err}}
	}
	var all []transport.Finding
	var errs []*transport.Error
	for _, host := range o.Hosts {
		c := checker{connection: &connection{o: o, host: host}}
		c.check(ctx)
		all = append(all, c.findings...)
		for _, f := range c.findings {
			if e, ok := errors.AsType[*transport.Error](f.Err); ok {
				errs = append(errs, e)
			}
		}
	}
	if len(errs) == len(o.Hosts) && namesUnknown(errs) {
		for _, e := range errs {
			e.Verdict = transport.Misconfigured // as Open's error
		}
	}
	return all
}

// checker checks one host.
type checker struct {
	*connection // only o and host are set before the login
	findings    []transport.Finding
}

func (c *checker) good(format string, args ...any) { c.say(false, format, args...) }

// note records a weakness that does not stop a run.
func (c *checker) note(format string, args ...any) { c.say(true, format, args...) }

func (c *checker) say(note bool, format string, args ...any) {
	text := fmt.Sprintf("rabbitmq %s: ", c.host) + fmt.Sprintf(format, args...)
	c.findings = append(c.findings, transport.Finding{Text: text, Note: note})
}

func (c *checker) bad(err error) { c.findings = append(c.findings, transport.Finding{Err: err}) }

func (c *checker) check(ctx context.Context) {
	a, err := c.o.addresses(ctx, c.host, "")
	if err != nil {
		c.bad(err)
		return
	}
	if name, _, _ := net.SplitHostPort(c.host); net.ParseIP(name) == nil {
		c.good("resolves to %s", strings.Join(a.untried, ", "))
	}
	err = a.try(ctx, func(loginCtx context.Context, socket net.Conn) error {
		connection, err := login(loginCtx, c.o, c.host, socket)
		if err != nil {
			return err
		}
		c.connection = connection
		for _, e := range a.failed {
			c.note("%v: a run goes on with the host's next address", e)
		}
		c.loggedIn(ctx)
		return nil
	})
	if err != nil {
		c.bad(err)
	}
}

// loggedIn checks everything that a run would use on the connection, and closes the
// connection.
func (c *checker) loggedIn(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { c.socket.abort(context.Cause(ctx)) })
	defer stop()
	defer func() {
		_ = c.conn.CloseDeadline(time.Now().Add(closeTimeout)) // nothing is lost by an error
		c.socket.abort(errClosed)
	}()
	how := "without TLS"
	if c.o.TLS != nil {
		how = "with TLS"
	}
	c.good("logged in as %q to vhost %q %s: %v %v", c.o.Username, c.o.VHost, how,
		c.conn.Properties["product"], c.conn.Properties["version"])
	checks := []func(context.Context){c.queue, c.exchange}
	if c.isRabbitMQ() {
		checks = append(checks, c.mayPublish, c.queueAnswers)
	} else {
		c.note("the broker is not RabbitMQ, so permissions were not checked: another broker might carry out the requests of the check")
	}
	for _, check := range checks {
		check(ctx)
		if last := c.findings[len(c.findings)-1]; last.Err != nil && c.conn.IsClosed() {
			return // the other checks would fail for the same reason
		}
	}
}

func (c *checker) isRabbitMQ() bool { return c.conn.Properties["product"] == "RabbitMQ" }

// queue looks up the queue, and if a run would declare it, checks that it may.
func (c *checker) queue(ctx context.Context) {
	if c.o.Queue == "" {
		return
	}
	switch q, err := c.lookUpQueue(ctx, c.o.Queue); {
	case err == nil:
		c.good("queue %q exists: %d messages, %d consumers", c.o.Queue, q.Messages, q.Consumers)
	case missing(err) && !c.o.QueueOptions.Passive && c.isRabbitMQ():
		c.mayDeclare(ctx)
	case missing(err) && !c.o.QueueOptions.Passive:
		c.good("queue %q does not exist: it will be declared", c.o.Queue)
	default:
		c.bad(err)
	}
}

// exchange looks up the exchange or, on the default exchange, the queue that
// the routing key names.
func (c *checker) exchange(ctx context.Context) {
	if c.o.Exchange != "" {
		if err := c.lookUpExchange(ctx); err != nil {
			c.bad(err)
			return
		}
		c.good("exchange %q exists; only a message can tell whether a queue is bound to the exchange with routing key %q",
			c.o.Exchange, c.o.RoutingKey)
		return
	}
	if c.o.RoutingKey == c.o.Queue {
		return // the queue itself
	}
	switch _, err := c.lookUpQueue(ctx, c.o.RoutingKey); {
	case err == nil:
		c.good("routing key %q names a queue", c.o.RoutingKey)
	case missing(err):
		c.bad(&transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf(
			"rabbitmq %s: routing key %q names no queue, so the default exchange would return all messages: correct routing_key in the configuration, or give an exchange",
			c.host, c.o.RoutingKey)})
	default:
		c.bad(err)
	}
}
