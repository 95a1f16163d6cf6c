package soak

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

const (
	queue  = "netsage_tstat"
	sensor = "sensor1"
)

// site is a broker's vhost, a proxy on the way to it, and a configuration file
// that leads through the proxy.
type site struct {
	t      testing.TB
	node   *rabbittest.Node
	proxy  *faultproxy.Proxy
	vhost  string
	config string
}

func newSite(t testing.TB, n *rabbittest.Node) *site {
	t.Helper()
	s := &site{t: t, node: n, proxy: faultproxy.Start(t, n.Addr()), vhost: n.VHost(t)}
	s.config = filepath.Join(t.TempDir(), "config.ini")
	host, port, err := net.SplitHostPort(s.proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`[rabbit]
host = %s
port = %s
username = %s
password = %s
vhost = %s
queue = %s
heartbeat = 2
connection_timeout = 5
confirm_timeout = 5
blocked_timeout = 5
[rabbit_queue_options]
durable = True
`, host, port, rabbittest.User, rabbittest.Password, s.vhost, queue)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.DeclareQueue(t, s.vhost, queue, nil)
	return s
}

// drain takes all that has arrived, once the broker has seen the end of all
// connections to it.
func (s *site) drain() []amqp091.Delivery {
	s.t.Helper()
	testkit.Await(s.t, "the broker to see the connections end", func() bool {
		s.t.Helper()
		return s.node.Eval(s.t, fmt.Sprintf(`length([P || P <- rabbit_networking:local_connections(),
			(catch rabbit_reader:info(P, [vhost])) == [{vhost, <<"%s">>}]])`, s.vhost)) == "0"
	})
	return s.node.Drain(s.t, s.vhost, queue)
}

// directories are the *.out directories below root.
func directories(t testing.TB, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".out") {
			dirs = append(dirs, filepath.Join(root, e.Name()))
		}
	}
	return dirs
}
