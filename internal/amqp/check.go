package amqp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// Check tries every host in turn as Open would, and looks queue, exchange and
// route up. It sends no message and declares nothing. Each wait is bounded by
// ConnectionTimeout and ends with ctx.
func Check(ctx context.Context, options Options) []transport.Finding {
	o, err := options.withDefaults()
	if err != nil {
		return []transport.Finding{{Err: err}}
	}
	var c checker
	for _, host := range o.Hosts {
		c.check(ctx, o, host)
	}
	return c.findings
}

type checker struct{ findings []transport.Finding }

func (c *checker) good(format string, args ...any) {
	c.findings = append(c.findings, transport.Finding{Text: fmt.Sprintf(format, args...)})
}

func (c *checker) bad(err error) { c.findings = append(c.findings, transport.Finding{Err: err}) }

// note records what a run can bear.
func (c *checker) note(format string, args ...any) {
	c.findings = append(c.findings, transport.Finding{Text: fmt.Sprintf(format, args...), Note: true})
}

func (c *checker) check(ctx context.Context, o *Options, host string) {
	a, err := o.addresses(ctx, host, "")
	if err != nil {
		c.bad(err)
		return
	}
	if name, _, _ := net.SplitHostPort(host); net.ParseIP(name) == nil {
		c.good("rabbitmq %s: resolves to %s", host, strings.Join(a.left, ", "))
	}
	err = a.each(ctx, func(loginCtx context.Context, socket net.Conn) error {
		ac, bounded, err := login(loginCtx, o, host, socket)
		if err != nil {
			return err
		}
		for _, e := range a.failed {
			c.note("%v: a run goes on with the host's next address", e)
		}
		c.loggedIn(ctx, o, host, ac, bounded)
		return nil
	})
	if err != nil {
		c.bad(err)
	}
}

// loggedIn looks at everything that a run would use on a connection, and closes
// the connection.
func (c *checker) loggedIn(ctx context.Context, o *Options, host string, ac *amqp.Connection, socket *deadlineConn) {
	stop := context.AfterFunc(ctx, func() { socket.abort(context.Cause(ctx)) })
	defer stop()
	watchdog := time.AfterFunc(o.ConnectionTimeout, func() {
		socket.abort(fmt.Errorf("no answer within %v", o.ConnectionTimeout))
	})
	defer watchdog.Stop()
	defer func() {
		_ = ac.CloseDeadline(time.Now().Add(closeTimeout)) // nothing was sent
		socket.abort(errClosed)
	}()
	how := "without TLS"
	if o.TLS != nil {
		how = "with TLS"
	}
	c.good("rabbitmq %s: logged in as %q to vhost %q %s: %v %v", host, o.Username, o.VHost, how,
		ac.Properties["product"], ac.Properties["version"])
	explain := func(doing string, err error) { c.bad(o.wrap(host, doing, socket.cause(err))) }
	c.topology(o, host, ac, explain)
}

func (c *checker) topology(o *Options, host string, ac *amqp.Connection, explain func(string, error)) {
	if o.Queue != "" {
		q, err := lookUpQueue(ac, o.Queue)
		switch {
		case err == nil:
			c.good("rabbitmq %s: queue %q exists: %d messages, %d consumers", host, o.Queue, q.Messages, q.Consumers)
		case missing(err) && !o.QueueOptions.Passive:
			c.good("rabbitmq %s: queue %q does not exist: it will be declared", host, o.Queue)
		default:
			explain(fmt.Sprintf("look up queue %q in vhost %q", o.Queue, o.VHost), err)
		}
	}
	if o.Exchange != "" {
		if err := lookUpExchange(ac, o.Exchange); err != nil {
			explain(fmt.Sprintf("look up exchange %q in vhost %q", o.Exchange, o.VHost), err)
			return
		}
		c.good("rabbitmq %s: exchange %q exists; whether a queue is bound to it with routing key %q, only a message can tell",
			host, o.Exchange, o.RoutingKey)
		return
	}
	if o.RoutingKey == o.Queue {
		return // the queue itself
	}
	_, err := lookUpQueue(ac, o.RoutingKey)
	switch {
	case err == nil:
		c.good("rabbitmq %s: routing key %q names a queue", host, o.RoutingKey)
	case missing(err):
		c.bad(&transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf(
			"rabbitmq %s: routing key %q names no queue, as it has to on the default exchange: messages would be returned: correct routing_key in the configuration, or give an exchange",
			host, o.RoutingKey)})
	default:
		explain(fmt.Sprintf("look up queue %q in vhost %q", o.RoutingKey, o.VHost), err)
	}
}
