package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// login starts TLS on socket, which is connected to host, one of o.Hosts, and
// logs in. It owns socket. ctx bounds the time. Its error is a *transport.Error.
func login(ctx context.Context, o *Options, host string, socket net.Conn) (*connection, error) {
	c := &connection{o: o, host: host}
	c.socket = &deadlineConn{Conn: socket, timeout: min(o.WriteTimeout, o.ConnectionTimeout)}
	// ctx is the deadline of both handshakes: closing the socket ends either of them.
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()

	c.stream = newLibraryConn(c.socket)
	if o.TLS != nil {
		t := tls.Client(c.socket, o.tlsConfig(host))
		if err := t.HandshakeContext(ctx); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			c.abort(err)
			return nil, c.wrap("start TLS", err)
		}
		c.stream = newLibraryConn(t)
	}
	doing := fmt.Sprintf("log in as %q to vhost %q", o.Username, o.VHost)
	conn, err := amqp091.Open(c.stream, o.amqpConfig())
	if err != nil {
		if o.TLS != nil {
			err = c.stream.alert(err)
		}
		c.abort(err) // ends the library's reader, which amqp091.Open leaves waiting
		if e := c.notAMQP(err); e != nil {
			return nil, e
		}
		return nil, c.wrap(doing, err)
	}
	if !stop() {
		return nil, c.wrap(doing, context.Cause(ctx))
	}
	c.conn = conn
	c.socket.setTimeout(o.WriteTimeout)
	return c, nil
}

// notAMQP returns an error if the port speaks another protocol, else nil. err is the
// error of logging in.
func (c *connection) notAMQP(err error) *transport.Error {
	var remedy string
	switch e, ok := errors.AsType[*amqp091.Error](err); {
	case c.stream.http():
		remedy = "an HTTP server answers on this port: correct host and port in the configuration"
	case ok && c.o.TLS == nil && (e.Reason == amqp091.ErrFrame.Error() || e.Reason == amqp091.ErrFrameTooLarge.Error()):
		remedy = "the port does not speak plain AMQP: if it is the TLS port, set use_ssl = True"
	default:
		return nil
	}
	return &transport.Error{Verdict: transport.Misconfigured, Err: &textError{
		fmt.Sprintf("rabbitmq %s: %s: %s", c.host, causeText(err), remedy), err}}
}

// tlsConfig returns the configuration for one connection to host.
func (o *Options) tlsConfig(host string) *tls.Config {
	t := o.TLS.Clone()
	if t.ServerName == "" {
		t.ServerName, _, _ = net.SplitHostPort(host) // checked by withDefaults
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return t
}

func (o *Options) amqpConfig() amqp091.Config {
	properties := amqp091.NewConnectionProperties()
	properties.SetClientConnectionName(o.Name)
	return amqp091.Config{
		SASL:       []amqp091.Authentication{&plain{o, properties}},
		Vhost:      o.VHost,
		Heartbeat:  o.Heartbeat,
		Locale:     "en_US",
		Properties: properties,
	}
}

// plain is the SASL mechanism PLAIN. Unlike the library's type it does not keep the
// password, and it tells the broker that this client understands
// authentication_failure_close. Without that, the broker answers refused credentials
// by dropping the connection after some seconds, which looks like a broker that is
// shutting down.
type plain struct {
	o          *Options
	properties amqp091.Table // of the connection that logs in
}

func (p *plain) Mechanism() string { return "PLAIN" }

func (p *plain) Response() string {
	// The library sets the capabilities just before it calls Response.
	if c, ok := p.properties["capabilities"].(amqp091.Table); ok {
		c["authentication_failure_close"] = true
	}
	return "\x00" + p.o.Username + "\x00" + p.o.Password()
}
