package rabbittest

import (
	"fmt"
	"slices"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// StartCluster starts a cluster of count nodes; see Start. The nodes talk to each other on
// 127.0.0.1, 127.0.0.2 and so on.
func StartCluster(t testing.TB, count int) []*Node {
	t.Helper()
	require(t)
	distPort, err := testkit.FreePort()
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	cookie := randomName("cookie")
	nodes := make([]*Node, count)
	for i := range nodes {
		n, err := newNode(t.Errorf, []Option{func(s *settings) {
			s.host, s.distPort, s.cookie = fmt.Sprintf("127.0.0.%d", i+1), distPort, cookie
		}})
		if n != nil {
			nodes[i] = n
			n.destroyAfter(t)
		}
		if err != nil {
			t.Fatalf("rabbittest: %v", err)
		}
	}
	// The nodes join by command, since the peer discovery of RabbitMQ 4 starts an Erlang node
	// that needs epmd. They join one after the other: a node that joins may give up if another
	// node still migrates its tables for a feature flag.
	for i, n := range nodes {
		err := n.launch()
		if err == nil && i > 0 {
			err = n.join(nodes[0])
		}
		if err != nil {
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

// join makes n, which has no data yet, a member of the cluster of seed.
func (n *Node) join(seed *Node) error {
	for _, command := range [][]string{{"stop_app"}, {"join_cluster", seed.name}, {"start_app"}} {
		if _, err := n.ctl(command...); err != nil {
			return err
		}
	}
	return n.awaitReady()
}

// QuorumLeader waits until queue has a leader on a running node, and returns the node.
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

// PersistQuorumQueues makes the quorum queues declared so far survive Kill. A node keeps the
// name of a new member of a queue in memory until its table of names (ra_directory) has not been
// used for half a second. If the node is killed before that, it starts the member anew, without
// its log. Two such nodes can elect an empty leader, which loses confirmed messages and then
// crashes at each message (rabbitmq/ra issue 513).
func PersistQuorumQueues(t testing.TB, nodes []*Node) {
	t.Helper()
	for _, n := range nodes {
		n.Eval(t, `#{names := #{directory_rev := Names}} = ra_system:fetch(quorum_queues), ok = dets:sync(Names)`)
	}
}
