package amqp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/fakebroker"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// named gives o the single host broker.test:port, which resolves to addresses. dialed
// returns the addresses dialed so far.
func named(o *Options, port int, addresses ...string) (dialed func() []string) {
	o.Hosts = []string{net.JoinHostPort("broker.test", strconv.Itoa(port))}
	o.LookupHost = func(_ context.Context, name string) ([]string, error) {
		if name != "broker.test" {
			return nil, errors.New("looked up " + name)
		}
		return addresses, nil
	}
	var mu sync.Mutex
	var all []string
	dial := o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		all = append(all, strings.TrimSuffix(address, ":"+strconv.Itoa(port)))
		mu.Unlock()
		return dial(ctx, network, address)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// unknownNames gives o hosts of which those with a name do not exist. It does not ask DNS,
// whose answer can take seconds.
func unknownNames(o *Options, hosts ...string) {
	o.Hosts = hosts
	o.LookupHost = func(_ context.Context, name string) ([]string, error) {
		if net.ParseIP(name) == nil {
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		return []string{name}, nil
	}
}

// badAddress listens on 127.0.0.2:port, calls behave with each connection, and returns the
// address.
func badAddress(t *testing.T, port int, behave func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				behave(c)
				_ = c.Close()
			})
		}
	})
	return l.Addr().String()
}

// silent reads until the client gives up.
func silent(c net.Conn) {
	b := make([]byte, 512)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func acking(int) fakebroker.Script { return func(m fakebroker.Message) { m.Ack(false) } }

// TestEveryAddressIsTried: if the first address of a name does not work, the second is
// used.
func TestEveryAddressIsTried(t *testing.T) {
	for name, behave := range map[string]func(net.Conn){
		"first refuses": nil,
		"first closes":  func(net.Conn) {},
		"first silent":  silent,
		"first is an HTTP server": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := fakebroker.Start(t, acking)
			if behave != nil {
				badAddress(t, b.Port(), behave)
			}
			o := scripted(t, b)
			o.ConnectionTimeout = time.Second
			dialed := named(&o, b.Port(), "127.0.0.2", "127.0.0.1")
			p := open(t, o)
			send(t.Context(), p, 0, 10, 100, 4).await(t)
			if got, want := strings.Join(dialed(), " "), "127.0.0.2 127.0.0.1"; got != want {
				t.Errorf("dialed %s, want %s", got, want)
			}
		})
	}
}

// TestAddressThatWorkedIsFirst: after a lost connection the address that worked is dialed
// first, not the silent one.
func TestAddressThatWorkedIsFirst(t *testing.T) {
	b := fakebroker.Start(t, func(connection int) fakebroker.Script {
		return func(m fakebroker.Message) {
			if connection == 1 {
				m.Conn.Reset()
				return
			}
			m.Ack(false)
		}
	})
	badAddress(t, b.Port(), silent)
	o := scripted(t, b)
	o.ConnectionTimeout = time.Second
	dialed := named(&o, b.Port(), "127.0.0.2", "127.0.0.1")
	send(t.Context(), open(t, o), 0, 10, 100, 4).await(t)
	if got, want := strings.Join(dialed(), " "), "127.0.0.2 127.0.0.1 127.0.0.1"; got != want {
		t.Errorf("dialed %s, want %s", got, want)
	}
}

// TestAddressThatLeadsNowhere: if the first address does not accept, the second is dialed
// after headStart.
func TestAddressThatLeadsNowhere(t *testing.T) {
	b := fakebroker.Start(t, acking)
	o := scripted(t, b)
	o.ConnectionTimeout = time.Minute
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "127.0.0.2:") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	named(&o, b.Port(), "127.0.0.2", "127.0.0.1")
	began := time.Now()
	send(t.Context(), open(t, o), 0, 10, 100, 4).await(t)
	if took := time.Since(began); took < headStart || took > 10*time.Second {
		t.Errorf("took %v, want little more than %v", took, headStart)
	}
}

func TestNoAddressWorks(t *testing.T) {
	b := fakebroker.Start(t, acking)
	badAddress(t, b.Port(), func(net.Conn) {})
	o := scripted(t, b)
	dialed := named(&o, b.Port(), "127.0.0.2", "127.0.0.3")
	o.RetryTimeout = time.Millisecond
	_, err := Open(t.Context(), o)
	wantError(t, err, transport.Retry, "address 127.0.0.2:", "log in as", "address 127.0.0.3:", "connection refused")
	if got, want := len(dialed()), 2*openRounds; got != want {
		t.Errorf("dialed %d times, want %d", got, want)
	}
	o.LookupHost = func(context.Context, string) ([]string, error) { return nil, nil }
	_, err = Open(t.Context(), o)
	wantError(t, err, transport.Misconfigured, "resolve", "no address")
}

// TestRefusedPasswordIsNotRepeated: a password that the broker has refused at one address
// is not sent to the next address.
func TestRefusedPasswordIsNotRepeated(t *testing.T) {
	n := rabbittest.Shared(t)
	o := options(t, n, n.VHost(t))
	o.Password = func() string { return secret }
	dialed := named(&o, n.Port(), "127.0.0.1", "127.0.0.1")
	_, err := Open(t.Context(), o)
	wantError(t, err, transport.Refused, "check username and password")
	if got := len(dialed()); got != 2 {
		t.Errorf("dialed %d times, want twice: a first refusal is tried again once", got)
	}
}

func TestCheckTriesEveryAddress(t *testing.T) {
	b := fakebroker.Start(t, acking)
	badAddress(t, b.Port(), silent)
	o := scripted(t, b)
	o.ConnectionTimeout = time.Second
	named(&o, b.Port(), "127.0.0.2", "127.0.0.1")
	findings := Check(t.Context(), o)
	if len(findings) != 5 || !strings.Contains(findings[0].Text, "resolves to 127.0.0.2:") ||
		!findings[1].Note || !strings.Contains(findings[1].Text, "no answer within 1s") ||
		!strings.Contains(findings[2].Text, "logged in") || !strings.Contains(findings[3].Text, "not RabbitMQ") {
		t.Errorf("got %+v", findings)
	}
}
