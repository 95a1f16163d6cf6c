package e2e

import (
	"slices"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// TestCluster: a quorum queue on three nodes loses its leader in mid-run, and
// then its majority.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := rabbittest.StartCluster(t, 3)
	s := newSiteOn(t, nodes[0])
	s.fill()
	s.repeats = true
	s.QueueOptions["x-queue-type"] = "quorum"
	nodes[0].DeclareQueue(t, s.VHost, queue, amqp091.Table{"x-queue-type": "quorum"})
	rabbittest.PersistQuorumQueues(t, nodes)
	s.Rabbit["heartbeat"], s.Rabbit["connection_timeout"], s.Rabbit["confirm_timeout"] = "2", "5", "10"
	var proxies []*faultproxy.Proxy
	var proxied, direct []string
	for _, n := range nodes {
		p := faultproxy.Start(t, n.Addr())
		p.Bandwidth(slow)
		proxies = append(proxies, p)
		proxied, direct = append(proxied, p.Addr()), append(direct, n.Addr())
	}

	s.Rabbit["host"] = strings.Join(proxied, ",")
	p := s.start()
	s.awaitArrived(p, 5)
	leader := rabbittest.QuorumLeader(t, nodes, s.VHost, queue)
	leader.Kill()
	for _, p := range proxies {
		p.Bandwidth(0)
	}
	alive := slices.DeleteFunc(slices.Clone(nodes), func(n *rabbittest.Node) bool { return n == leader })
	s.Node = alive[0]
	p.wait().want(allDone)
	s.Rabbit["host"] = strings.Join(direct, ",")
	s.wantComplete()

	// The second of three nodes dies: the queue has no majority and confirms nothing.
	s.fillOne() // replaces a log that was sent
	alive[1].Kill()
	s.Address(alive[0].Addr())
	o := s.impatient()
	o.QueueOptions.Arguments = map[string]any{"x-queue-type": "quorum"}
	err := s.runInside(o)
	wantVerdict(t, err, transport.Retry, alive[0].Addr())
	before := readAll(t, s.root+"/"+s.directories()[0]+"/.processed")

	leader.Start()
	alive[1].Start()
	s.Rabbit["host"] = strings.Join(direct, ",")
	rabbittest.QuorumLeader(t, nodes, s.VHost, queue) // waits for a leader
	s.send().want(allDone, "replaced")
	if after := readAll(t, s.root+"/"+s.directories()[0]+"/.processed"); after == before {
		t.Error("the mark is still the mark of the log that was replaced")
	}
	s.collect()
	arrived := map[string]bool{}
	for _, d := range s.got {
		arrived[d.MessageId] = true
	}
	for id := range s.ofDirectory(s.directories()[0]) {
		if !arrived[id] {
			t.Errorf("message %s has not arrived", id)
		}
	}
}
