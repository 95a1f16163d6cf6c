// Package testsite makes the broker's side of a system test: a vhost with a user on a RabbitMQ
// node, and a configuration file that names the vhost, the user and a queue.
package testsite

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

const (
	Queue  = "netsage_tstat"
	Sensor = "sensor1"
	// Secret is the password of every site's user.
	Secret = `p4ss:w/rd %\"#`
)

// Site is a vhost with a user, and the content of a configuration file.
type Site struct {
	Node  *rabbittest.Node
	VHost string
	User  string
	// Rabbit, QueueOptions and TLS are the sections [rabbit], [rabbit_queue_options] and
	// [ssl_options] of the configuration file. If TLS is nil, the file has no [ssl_options].
	Rabbit, QueueOptions, TLS map[string]string

	t testing.TB
}

// New makes a vhost, and a user with all permissions in this vhost only. It does not declare
// the queue.
func New(t testing.TB, n *rabbittest.Node) *Site {
	t.Helper()
	s := &Site{Node: n, VHost: n.VHost(t), t: t}
	s.User = "esnet" + strings.TrimPrefix(s.VHost, "test")
	n.AddUser(t, s.User, Secret, s.VHost, ".*", ".*", ".*")
	s.Rabbit = map[string]string{
		"username": s.User, "password": Secret, "vhost": s.VHost, "use_ssl": "False",
		"queue": Queue, "routing_key": Queue, "exchange": "",
	}
	s.QueueOptions = map[string]string{"durable": "True"}
	s.Address(n.Addr())
	return s
}

// Clone returns a copy for the subtest t: the same vhost with a separate configuration.
func (s *Site) Clone(t testing.TB) *Site {
	own := *s
	own.Rabbit, own.QueueOptions, own.TLS = maps.Clone(s.Rabbit), maps.Clone(s.QueueOptions), maps.Clone(s.TLS)
	own.t = t
	return &own
}

// Address sets the host:port that the configuration file names.
func (s *Site) Address(hostPort string) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Rabbit["host"], s.Rabbit["port"] = host, port
}

// Through starts a proxy in front of the node, and makes the configuration file name the
// proxy's address.
func (s *Site) Through() *faultproxy.Proxy {
	s.t.Helper()
	p := faultproxy.Start(s.t, s.Node.Addr())
	s.Address(p.Addr())
	return p
}

// ConfigFile writes the configuration file and returns its path.
func (s *Site) ConfigFile() string {
	s.t.Helper()
	var b strings.Builder
	section := func(name string, keys map[string]string) {
		fmt.Fprintf(&b, "[%s]\n", name)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			fmt.Fprintf(&b, "%s = %s\n", k, keys[k])
		}
	}
	section("rabbit", s.Rabbit)
	section("rabbit_queue_options", s.QueueOptions)
	if s.TLS != nil {
		section("ssl_options", s.TLS)
	}
	path := filepath.Join(s.t.TempDir(), "config.ini")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Queued returns the number of messages in the queue, 0 if there is no queue.
func (s *Site) Queued() int {
	s.t.Helper()
	if !s.Node.QueueExists(s.t, s.VHost, Queue) {
		return 0
	}
	return s.Node.QueueLen(s.t, s.VHost, Queue)
}

// Drain takes all messages out of the queue. It returns none if there is no queue.
func (s *Site) Drain() []amqp091.Delivery {
	s.t.Helper()
	if !s.Node.QueueExists(s.t, s.VHost, Queue) {
		return nil
	}
	return s.Node.Drain(s.t, s.VHost, Queue)
}

// AwaitDisconnected waits until the broker has ended all connections to the vhost and
// their channels. Drain then finds every message of a killed sender that the broker has
// read.
func (s *Site) AwaitDisconnected() {
	s.t.Helper()
	testkit.Await(s.t, "the broker to see the connections end", func() bool {
		s.t.Helper()
		return s.Node.Sessions(s.t, s.VHost) == 0
	})
}
