package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// TestOwnNode has the tests that stop or kill a node. They run one after another on one
// node, since a node takes seconds to start.
func TestOwnNode(t *testing.T) {
	n := rabbittest.Start(t, rabbittest.WithClientCertRequired(),
		rabbittest.WithConfig(fmt.Sprintf("max_message_size = %d\n", sizeLimitForTest)))
	t.Run("TLS", func(t *testing.T) { testTLS(t, n) })
	t.Run("message too large", func(t *testing.T) { testTooLarge(t, n) })
	t.Run("killed and started again", func(t *testing.T) { testKilled(t, n) })
	t.Run("killed within the first connection", func(t *testing.T) { testKilledAtFirst(t, n) })
	t.Run("stopped in an orderly way", func(t *testing.T) { testStopped(t, n) })
	t.Run("peer that does nothing", func(t *testing.T) { testPaused(t, n) })
}

const sizeLimitForTest = 3 << 20

func testTLS(t *testing.T, n *rabbittest.Node) {
	tlsAddr := net.JoinHostPort("localhost", strconv.Itoa(n.TLSPort()))
	pair := func(ca *rabbittest.CA) tls.Certificate {
		c := ca.Issue(t, []string{"sensor"}, rabbittest.ForClient)
		p, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	cert := pair(n.CA)
	good := func() *tls.Config {
		return &tls.Config{RootCAs: n.CA.Pool(), Certificates: []tls.Certificate{cert}}
	}
	stranger := rabbittest.NewCA(t)
	addresses, err := net.LookupHost("localhost")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("good, the second host by another name", func(t *testing.T) {
		o := options(t, n, "/")
		o.Hosts = []string{deadHost(t), tlsAddr, net.JoinHostPort("127.0.0.1", strconv.Itoa(n.TLSPort()))}
		o.TLS, o.Connections = good(), 2
		p := open(t, o)
		s := send(t.Context(), p, 0, 1000, 5000, 32)
		eventually(t, 10*time.Second, "a hundred confirmations", func() bool { return s.confirmed() > 100 })
		awaitConnections(t, p, o.Connections)
		p.host.Store(2)
		n.CloseConnections(t, "to the other host")
		s.await(t)
		eventually(t, 10*time.Second, "two other connections", func() bool { return p.Stats().Reconnects >= 2 })
		wantInQueue(t, n, "/", 0, 1000, 5000, atLeastOnce)
		if o.TLS.ServerName != "" {
			t.Errorf("the caller's configuration was written to: server name %q", o.TLS.ServerName)
		}
		if got := p.host.Load(); got != 2 {
			t.Errorf("the host in use is %d, want 2", got)
		}
	})
	t.Run("a body in many records", func(t *testing.T) {
		o := options(t, n, "/")
		o.Hosts, o.TLS = []string{tlsAddr}, good()
		send(t.Context(), open(t, o), 0, 3, 2<<20, 3).await(t)
		wantInQueue(t, n, "/", 0, 3, 2<<20, exactlyOnce)
	})
	for name, c := range map[string]struct {
		change func(*Options)
		words  []string
	}{
		"unknown CA":           {func(o *Options) { o.TLS.RootCAs = stranger.Pool() }, []string{"unknown authority", "ca_certs"}},
		"no CA":                {func(o *Options) { o.TLS.RootCAs = x509.NewCertPool() }, []string{"unknown authority", "ca_certs"}},
		"wrong name":           {func(o *Options) { o.TLS.ServerName = "broker.example.org" }, []string{"broker.example.org", "localhost", "server_hostname"}},
		"client cert missing":  {func(o *Options) { o.TLS.Certificates = nil }, []string{"certificate", "certfile"}},
		"client cert of other": {func(o *Options) { o.TLS.Certificates = []tls.Certificate{pair(stranger)} }, []string{"certfile"}},
		"TLS to plain port":    {func(o *Options) { o.Hosts = []string{n.Addr()} }, []string{n.Addr(), "does not speak TLS", "use_ssl = False"}},
		"plain to TLS port":    {func(o *Options) { o.TLS = nil }, []string{tlsAddr, "use_ssl = True"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, "/")
			o.Hosts, o.TLS = []string{tlsAddr}, good()
			c.change(&o)
			dials := countDials(&o)
			p, err := Open(t.Context(), o)
			if err == nil {
				closeWithin(t, p, 5*time.Second)
			}
			wantError(t, err, transport.Misconfigured, c.words...)
			if got := dials.Load(); got > int64(len(addresses)) {
				t.Errorf("dialed %d times, want each of %v once at most", got, addresses)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		read := func(name string) []byte {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		valid, validKey := read(n.Cert.CertFile), read(n.Cert.KeyFile)
		show := func(cert, key []byte) {
			if err := os.WriteFile(n.Cert.CertFile, cert, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(n.Cert.KeyFile, key, 0o600); err != nil {
				t.Fatal(err)
			}
			n.Eval(t, "ssl:clear_pem_cache()")
		}
		old := n.CA.Issue(t, []string{"localhost"}, rabbittest.Expired)
		show(read(old.CertFile), read(old.KeyFile))
		defer show(valid, validKey)
		o := options(t, n, "/")
		o.Hosts, o.TLS = []string{tlsAddr}, good()
		_, err := Open(t.Context(), o)
		wantError(t, err, transport.Misconfigured, "expired", "renew")
	})
}

func testTooLarge(t *testing.T, n *rabbittest.Node) {
	o := options(t, n, "/")
	p := open(t, o)
	s := send(t.Context(), p, 0, 200, 5000, 8)
	large := message(1000, sizeLimitForTest+1)
	for _, m := range []*transport.Message{large, large, pack(message(1000, sizeLimitForTest+1))} { // only the first reaches the broker
		err := p.Send(t.Context(), m)
		wantError(t, err, transport.TooLarge, id(1000), strconv.Itoa(sizeLimitForTest), "max_message_size")
	}
	s.await(t)
	send(t.Context(), p, 200, 201, sizeLimitForTest, 1).await(t)
	if st := p.Stats(); st.Reconnects != 0 {
		t.Errorf("a message too large cost the connection: %+v", st)
	}
	n.Drain(t, "/", queue)
}

func testKilled(t *testing.T, n *rabbittest.Node) {
	n.DeclareQueue(t, "/", queue, nil)
	n.Persist()
	o := options(t, n, "/")
	o.Connections, o.Channels = 2, 2
	o.RetryTimeout = time.Minute
	p := open(t, o)
	awaitConnections(t, p, o.Connections)
	const count = 3000
	s := send(t.Context(), p, 0, count, 5000, 64)
	eventually(t, 30*time.Second, "300 confirmations", func() bool { return s.confirmed() >= 300 })
	n.Kill()
	n.Start()
	s.await(t)
	wantInQueue(t, n, "/", 0, count, 5000, atLeastOnce)
	// One connection may have published everything before the other was back.
	eventually(t, 10*time.Second, "two new connections", func() bool { return p.Stats().Reconnects >= 2 })
	if st := p.Stats(); st.Resent == 0 {
		t.Errorf("stats are %+v", st)
	}
}

func testKilledAtFirst(t *testing.T, n *rabbittest.Node) {
	o := options(t, n, "/")
	// A queue of its own: a killed broker may restore messages that an earlier test has taken.
	o.Queue, o.RetryTimeout = "first", time.Minute
	var starting sync.WaitGroup
	kill := sync.OnceFunc(func() {
		n.Kill()
		starting.Go(n.Start)
	})
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		socket, err := new(net.Dialer).DialContext(ctx, network, address)
		kill()
		return socket, err
	}
	p := open(t, o)
	starting.Wait()
	send(t.Context(), p, 0, 100, 5000, 8).await(t)
	if got := n.QueueLen(t, "/", o.Queue); got != 100 {
		t.Errorf("%d messages in the queue, want 100", got)
	}
}

func testStopped(t *testing.T, n *rabbittest.Node) {
	o := options(t, n, "/")
	o.RetryTimeout = 2 * time.Second
	p := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := send(ctx, p, 0, 1_000_000, 1000, 16)
	eventually(t, 30*time.Second, "300 confirmations", func() bool { return s.confirmed() >= 300 })
	n.Stop()
	began := time.Now()
	err := p.Send(t.Context(), message(0, 10))
	wantError(t, err, transport.Retry, n.Addr(), "connection refused")
	cancel()
	closeWithin(t, p, soon)
	s.wg.Wait()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	n.Start()
	if got := len(n.Drain(t, "/", queue)); got < s.ok {
		t.Errorf("%d messages in the queue, but %d were confirmed", got, s.ok)
	}
}

func testPaused(t *testing.T, n *rabbittest.Node) {
	for name, c := range map[string]struct {
		change func(*Options)
		size   int
	}{
		"write stalls":          {func(o *Options) { o.WriteTimeout = time.Second }, 2 << 20},
		"heartbeats are missed": {func(o *Options) { o.Heartbeat = time.Second }, 100},
		"confirmations missing": {func(o *Options) { o.ConfirmTimeout = time.Second }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, "/")
			o.WriteTimeout, o.ConfirmTimeout, o.Heartbeat = time.Minute, time.Minute, time.Minute
			o.ConnectionTimeout, o.RetryTimeout = 500*time.Millisecond, time.Second
			c.change(&o)
			p := open(t, o)
			send(t.Context(), p, 0, 10, 100, 8).await(t)
			n.Pause()
			defer n.Resume()
			began := time.Now()
			send(t.Context(), p, 10, 40, c.size, 16).awaitFailure(t, transport.Retry, n.Addr(), "no answer within 500ms")
			closeWithin(t, p, soon)
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("for a while", func(t *testing.T) {
		vhost := n.VHost(t) // the broker may still be reading messages of the tests above
		o := options(t, n, vhost)
		o.ConfirmTimeout, o.ConnectionTimeout = time.Second, time.Second
		p := open(t, o)
		send(t.Context(), p, 0, 10, 5000, 8).await(t)
		n.Pause()
		s := send(t.Context(), p, 10, 200, 5000, 16)
		time.AfterFunc(3*time.Second, n.Resume)
		s.await(t)
		wantInQueue(t, n, vhost, 0, 200, 5000, atLeastOnce)
	})
	t.Run("closing does not wait", func(t *testing.T) {
		o := options(t, n, "/")
		o.WriteTimeout, o.ConfirmTimeout, o.Heartbeat = time.Minute, time.Minute, time.Minute
		p := open(t, o)
		send(t.Context(), p, 0, 1, 100, 1).await(t)
		n.Pause()
		defer n.Resume()
		s := send(t.Context(), p, 1, 30, 2<<20, 16)
		eventually(t, 10*time.Second, "something published", func() bool { return p.Stats().Published > 1 })
		began := time.Now()
		closeWithin(t, p, 2*closeTimeout+time.Second)
		s.awaitFailure(t, transport.Retry, "closed")
		if took := time.Since(began); took > 2*closeTimeout+time.Second {
			t.Errorf("took %v", took)
		}
	})
}
