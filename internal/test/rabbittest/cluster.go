package rabbittest

import (
	"fmt"
	"slices"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// StartCluster starts a cluster of count nodes, 127.0.0.1 upwards, in which
// quorum queues work; see Start.
func StartCluster(t testing.TB, count int) []*Node {
	t.Helper()
	require(t)
	dist, err := testkit.FreePort()
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	cookie := randomName("cookie")
	// The first forms the cluster; the others ask it. Were all told of all, the
	// one to start first would wait for the rest.
	member := func(i int) Option {
		return func(s *settings) {
			s.host, s.dist, s.cookie = fmt.Sprintf("127.0.0.%d", i+1), dist, cookie
			if i > 0 {
				s.config = append(s.config, `
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit@127.0.0.1
cluster_formation.classic_config.nodes.2 = rabbit@`+s.host+`
cluster_formation.discovery_retry_interval = 100
cluster_formation.discovery_retry_limit = 600`)
			}
		}
	}
	nodes := make([]*Node, count)
	for i := range nodes {
		n, err := newNode(func(format string, args ...any) { t.Errorf(format, args...) }, []Option{member(i)})
		if n != nil {
			nodes[i] = n
			n.destroyAfter(t)
		}
		if err != nil {
			t.Fatalf("rabbittest: %v", err)
		}
	}
	// One after the other: one that joins while another still migrates its tables
	// for a feature flag may find them changed under its eyes, and give up.
	for _, n := range nodes {
		if err := n.launch(); err != nil {
			t.Fatalf("rabbittest: %v", err)
		}
	}
	testkit.Await(t, fmt.Sprintf("a cluster of %d nodes", count), func() bool {
		return !slices.ContainsFunc(nodes, func(n *Node) bool {
			return atoi(t, n.Eval(t, `length(rabbit_nodes:all_running())`)) != count
		})
	})
	return nodes
}

// QuorumLeader waits until queue has a leader that is running, and gives its
// node.
func QuorumLeader(t testing.TB, nodes []*Node, vhost, queue string) *Node {
	t.Helper()
	var leader *Node
	testkit.Await(t, "a leader of "+queue, func() bool {
		for _, n := range nodes {
			if n.Pid() == 0 {
				continue
			}
			name := n.Eval(t, fmt.Sprintf(`{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(%s, queue, %s)),
				{Name, _} = amqqueue:get_pid(Queue),
				case ra:members({Name, node()}, 2000) of {ok, _, {_, Leader}} -> Leader; _ -> none end`,
				erlangBinary(vhost), erlangBinary(queue)))
			i := slices.IndexFunc(nodes, func(n *Node) bool { return "'"+n.name+"'" == name && n.Pid() != 0 })
			if i >= 0 {
				leader = nodes[i]
				return true
			}
		}
		return false
	})
	return leader
}
