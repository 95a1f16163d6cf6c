// Package rabbittest starts private, real RabbitMQ nodes for tests.
//
// A node has a temporary directory and listens on ports of its own on 127.0.0.1. The node and
// its directory are removed after the test, also if the test process is killed. There is no
// epmd, which would be shared: each node is told its distribution port, so nodes of several
// test processes do not meet.
package rabbittest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/testkit"
)

// User and Password are the credentials of the administrator of every node. User has all
// permissions in the vhosts that VHost makes.
const (
	User     = "guest"
	Password = "guest"
)

// Node is one RabbitMQ node. Its methods may be called from any goroutine;
// Kill, Stop, Start, Restart, Pause and Resume one at a time.
type Node struct {
	// Cert is the server's certificate, which CA has signed. Both are zero without WithTLS.
	CA   *CA
	Cert Cert

	name   string // Erlang node name, rabbit@127.0.0.x
	dir    string
	script string // the server script, in a RabbitMQ home in dir
	host   string // Erlang distribution address

	port     int
	tlsPort  int // 0 without WithTLS
	distPort int // Erlang distribution
	epmdPort int // a port without a listener, where the node looks for epmd
	evalPort int // of evalScript
	cookie   string

	shared bool                             // the node of Shared
	report func(format string, args ...any) // reports errors of methods that return none

	mu   sync.Mutex
	proc *process
}

// Option changes the node that Start makes.
type Option func(*settings)

type settings struct {
	tls           bool
	cert          Cert
	requireClient bool
	config        []string
	host          string
	distPort      int
	cookie        string
}

// WithConfig appends lines to rabbitmq.conf, for instance
// "max_message_size = 65536".
func WithConfig(lines string) Option {
	return func(s *settings) { s.config = append(s.config, lines) }
}

// Start starts a node with the only user User and the only vhost "/", and waits until User can
// log in. The node is killed and its directory removed when t ends. If t has failed, the end of
// the node's log is printed. Start skips t under -short, and fails t if RabbitMQ is not
// installed.
func Start(t testing.TB, opts ...Option) *Node {
	t.Helper()
	require(t)
	n, err := start(t.Errorf, opts)
	if n != nil {
		n.destroyAfter(t)
	}
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	return n
}

// destroyAfter removes the node when t ends.
func (n *Node) destroyAfter(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rabbittest: last lines of %s:\n%s", n.name, n.logTail(60))
		}
		n.destroy()
	})
}

func require(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a RabbitMQ node: left out by -short")
	}
	if err := installed(); err != nil {
		t.Fatal(err)
	}
}

// start makes a node and starts it. The caller must destroy the node, also if start returns the
// node together with an error.
func start(report func(string, ...any), opts []Option) (*Node, error) {
	n, err := newNode(report, opts)
	if err != nil {
		return n, err
	}
	return n, n.launch()
}

func newNode(report func(string, ...any), opts []Option) (*Node, error) {
	s := settings{host: "127.0.0.1"}
	for _, o := range opts {
		o(&s)
	}
	dir, err := os.MkdirTemp("", "rabbittest-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory for the node: %w", err)
	}
	n := &Node{
		dir: dir, host: s.host, name: "rabbit@" + s.host,
		distPort: s.distPort, cookie: s.cookie, report: report,
	}
	if n.cookie == "" {
		n.cookie = randomName("cookie")
	}
	ports := []*int{&n.port, &n.distPort, &n.epmdPort, &n.evalPort}
	if s.tls {
		ports = append(ports, &n.tlsPort)
	}
	for _, p := range ports {
		if *p != 0 { // all nodes of a cluster have the same distPort
			continue
		}
		if *p, err = testkit.FreePort(); err != nil {
			return n, err
		}
	}
	return n, n.writeFiles(&s)
}

// Addr returns the host:port of the plain AMQP listener.
func (n *Node) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) }

// Port returns the port of the plain AMQP listener.
func (n *Node) Port() int { return n.port }

// TLSPort returns the port of the TLS listener, 0 without WithTLS.
func (n *Node) TLSPort() int { return n.tlsPort }

func (n *Node) logFile() string { return filepath.Join(n.dir, "rabbit.log") }

// URL returns an amqp:// URL for User in vhost.
func (n *Node) URL(vhost string) string {
	return fmt.Sprintf("amqp://%s:%s@%s/%s", User, Password, n.Addr(), url.PathEscape(vhost))
}

// Log returns the node's log so far.
func (n *Node) Log() string {
	b, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (n *Node) logTail(lines int) string {
	all := strings.Split(strings.TrimRight(n.Log(), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// ready returns nil if User can log in and the TLS listener, if any, accepts connections. The
// node opens the TLS listener after the plain one.
func (n *Node) ready() error {
	c, err := amqp.DialConfig(n.URL("/"), amqp.Config{
		Heartbeat: 10 * time.Second,
		Dial:      amqp.DefaultDial(10 * time.Second),
	})
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil || n.tlsPort == 0 {
		return err
	}
	socket, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.tlsPort)), 2*time.Second)
	if err != nil {
		return err
	}
	return socket.Close()
}
