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

// Finding is one thing that Check has looked at.
type Finding struct {
	// Text says what is well. Empty if Err is not nil.
	Text string
	// Err is a *transport.Error whose text says what is not, and the remedy.
	Err error
}

// Check tries every host in turn as Open would, and looks queue, exchange and
// route up. It sends no message and declares nothing. Each wait is bounded by
// ConnectionTimeout and ends with ctx.
func Check(ctx context.Context, options Options) []Finding {
	o, err := options.withDefaults()
	if err != nil {
		return []Finding{{Err: err}}
	}
	var c checker
	for _, host := range o.Hosts {
		c.check(ctx, o, host)
	}
	return c.findings
}

type checker struct{ findings []Finding }

func (c *checker) good(format string, args ...any) {
	c.findings = append(c.findings, Finding{Text: fmt.Sprintf(format, args...)})
}

func (c *checker) bad(err error) { c.findings = append(c.findings, Finding{Err: err}) }

func (c *checker) check(ctx context.Context, o *Options, host string) {
	if !c.resolve(ctx, o, host) {
		return
	}
	ac, socket, err := dial(ctx, o, host)
	if err != nil {
		c.bad(err)
		return
	}
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

// resolve looks the host's name up.
func (c *checker) resolve(ctx context.Context, o *Options, host string) bool {
	name, _, _ := net.SplitHostPort(host) // checked by withDefaults
	if net.ParseIP(name) != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, o.ConnectionTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		c.bad(o.wrap(host, "resolve", err))
		return false
	}
	c.good("rabbitmq %s: resolves to %s", host, strings.Join(addresses, ", "))
	return true
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
