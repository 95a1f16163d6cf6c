package amqp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// headStart is how long an address may take to accept a connection before the next
// address is dialed in parallel, as in RFC 8305: the first address may be an IPv6
// address that cannot be reached.
const headStart = 300 * time.Millisecond

// addresses are the addresses of one host.
type addresses struct {
	o       *Options
	host    string
	several bool               // the host has more than one address
	untried []string           // address:port
	failed  []*transport.Error // the errors of the tried addresses
}

// addresses looks up host, one of o.Hosts. If preferred is an address of host, it
// becomes the first address.
func (o *Options) addresses(ctx context.Context, host, preferred string) (*addresses, error) {
	ctx, cancel := context.WithTimeout(ctx, o.ConnectionTimeout)
	defer cancel()
	name, port, _ := net.SplitHostPort(host) // checked by withDefaults
	found, err := o.LookupHost(ctx, name)
	if err == nil && len(found) == 0 {
		err = &net.DNSError{Err: "no address", Name: name, IsNotFound: true}
	}
	if err != nil {
		return nil, o.wrap(host, "resolve", err)
	}
	a := &addresses{o: o, host: host, several: len(found) > 1}
	for _, address := range found {
		a.untried = append(a.untried, net.JoinHostPort(address, port))
	}
	if i := slices.Index(a.untried, preferred); i > 0 {
		a.untried = slices.Insert(slices.Delete(a.untried, i, i+1), 0, preferred)
	}
	return a, nil
}

// try calls use with a socket to one address after the other, until use succeeds. If the
// broker itself refuses with another verdict than Retry, as for a wrong password, try gives
// up, since another address would lead to the same refusal. use owns the socket. The ctx of
// use ends ConnectionTimeout after dialing began, or when use returns. The error is a
// *transport.Error. If the host has several addresses, the error names each that failed.
func (a *addresses) try(ctx context.Context, use func(ctx context.Context, socket net.Conn) error) error {
	for len(a.untried) > 0 {
		err := a.next(ctx, use)
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*amqp091.Error](err); ctx.Err() != nil || ok && e.Server && transport.VerdictOf(err) != transport.Retry {
			break
		}
	}
	return joinErrors(a.failed)
}

// next calls use with a socket to the next address that accepts a connection.
func (a *addresses) next(ctx context.Context, use func(context.Context, net.Conn) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.o.ConnectionTimeout, &noAnswer{a.o.ConnectionTimeout})
	defer cancel()
	socket, address, err := a.dial(ctx)
	if err != nil {
		return err
	}
	if err := use(ctx, socket); err != nil {
		return a.recordFailure(address, err)
	}
	return nil
}

// recordFailure records that trying address has failed with err.
func (a *addresses) recordFailure(address string, err error) *transport.Error {
	e := a.o.wrap(a.host, "connect", err)
	if a.several {
		e = &transport.Error{Verdict: e.Verdict, Err: fmt.Errorf("address %s: %w", address, e.Err)}
		a.o.Log.Debug("address_failed", "host", a.host, "address", address, "error", e)
	}
	a.failed = append(a.failed, e)
	return e
}

// dial returns a socket to the first address that accepts a connection, or the
// error of the last address that failed. It removes that address, and all addresses
// that failed, from a.untried.
func (a *addresses) dial(ctx context.Context) (net.Conn, string, error) {
	type result struct {
		address string
		socket  net.Conn
		err     error
	}
	ctx, cancel := context.WithCancel(ctx)
	results, running, waiting := make(chan result), 0, slices.Clone(a.untried)
	defer func() {
		cancel()
		for ; running > 0; running-- {
			if r := <-results; r.err == nil {
				_ = r.socket.Close() // nothing was written to it
			}
		}
	}()
	var err error
	for running > 0 || len(waiting) > 0 {
		var next <-chan time.Time
		if len(waiting) > 0 {
			address := waiting[0]
			waiting = waiting[1:]
			running++
			go func() {
				socket, err := a.o.Dial(ctx, "tcp", address)
				results <- result{address, socket, err}
			}()
			next = time.After(headStart)
		}
		select {
		case r := <-results:
			running--
			i := slices.Index(a.untried, r.address)
			a.untried = slices.Delete(a.untried, i, i+1)
			if r.err == nil {
				return r.socket, r.address, nil
			}
			err = a.recordFailure(r.address, r.err)
		case <-next:
		}
	}
	return nil, "", err
}
