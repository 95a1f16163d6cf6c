package soak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testsite"
)

const (
	queue  = testsite.Queue
	sensor = testsite.Sensor
)

// site is a testsite.Site with a queue, a proxy in front of the broker, and short time-outs.
type site struct {
	*testsite.Site
	t      testing.TB
	proxy  *faultproxy.Proxy
	config string // path of the configuration file
}

func newSite(t testing.TB, n *rabbittest.Node) *site {
	t.Helper()
	s := &site{Site: testsite.New(t, n), t: t}
	s.proxy = s.Through()
	s.Rabbit["heartbeat"] = "2"
	for _, key := range []string{"connection_timeout", "confirm_timeout", "blocked_timeout"} {
		s.Rabbit[key] = "5"
	}
	s.config = s.ConfigFile()
	n.DeclareQueue(t, s.VHost, queue, nil)
	return s
}

// drain takes out of the queue all messages of runs that have ended.
func (s *site) drain() []amqp091.Delivery {
	s.t.Helper()
	s.AwaitDisconnected()
	return s.Drain()
}

// directories returns the paths of the *.out directories in root.
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
