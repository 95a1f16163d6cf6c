package amqp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

// TestRoundTrips counts the round trips until the first message is confirmed. After the TCP
// handshake the client sends: the protocol header, start-ok, tune-ok with open, channel.open,
// the look-ups with confirm.select, and the message.
func TestRoundTrips(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, nil)
	bind(t, n, vhost, "amq.fanout")
	for _, exchange := range []string{"", "amq.fanout"} {
		o := options(t, n, vhost)
		o.Exchange = exchange
		var turns turns
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return &turnConn{c, &turns, 0}, err
		}
		p := open(t, o)
		send(t.Context(), p, 0, 1, 100, 1).await(t)
		if got := turns.count(); got != 6 {
			t.Errorf("exchange %q: %d round trips until the first confirmation, want 6", exchange, got)
		}
	}
}

// TestCloseDoesNotWaitLong: Close does not wait long for the broker's answer, and the broker
// still logs an orderly end, unless it is too busy to answer within closeWait.
func TestCloseDoesNotWaitLong(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	proxy := faultproxy.Start(t, n.Addr())
	o := options(t, n, vhost)
	o.Hosts = []string{proxy.Addr()}
	var end string
	for i := 0; i < 5 && !strings.Contains(end, "[info]"); i++ {
		o.Name = fmt.Sprintf("%s, connection %d", vhost, i) // the log of the shared node has no other such name
		p := open(t, o)
		send(t.Context(), p, 0, 1, 100, 1).await(t)
		if n.Sessions(t, vhost) == 0 {
			t.Fatal("the broker has no connection")
		}
		proxy.DropReplies(true)
		closeWithin(t, p, soon)
		testkit.Await(t, "the broker to close the connection", func() bool { return n.Sessions(t, vhost) == 0 })
		proxy.DropReplies(false)
		testkit.Await(t, "the broker to log the end of the connection", func() bool {
			for line := range strings.Lines(n.Log()) {
				if strings.Contains(line, "closing AMQP connection") && strings.Contains(line, o.Name) {
					end = line
				}
			}
			return strings.Contains(end, o.Name)
		})
	}
	if !strings.Contains(end, "[info]") { // it is a warning if the client has only closed the socket
		t.Errorf("the broker's log: %s", end)
	}
}

// turns counts the answers on a connection: reads that follow a write.
type turns struct {
	mu      sync.Mutex
	asked   bool
	answers int
}

func (t *turns) wrote() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = true
}

// read returns the number of answers with this read.
func (t *turns) read() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked {
		t.answers++
	}
	t.asked = false
	return t.answers
}

func (t *turns) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers
}

// turnConn counts turns, and closes the connection with the answer number last.
type turnConn struct {
	net.Conn
	turns *turns
	last  int // 0 means never
}

func (c *turnConn) Write(p []byte) (int, error) {
	c.turns.wrote()
	return c.Conn.Write(p)
}

func (c *turnConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.turns.read() == c.last {
		_ = c.Conn.Close()
	}
	return n, err
}
