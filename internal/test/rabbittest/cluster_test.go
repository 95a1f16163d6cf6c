package rabbittest

import (
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/testkit"
)

func TestClusterSurvivesItsLeadersDeath(t *testing.T) {
	began := time.Now()
	nodes := StartCluster(t, 3)
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	nodes[0].DeclareQueue(t, "/", queue, amqp.Table{"x-queue-type": "quorum"})
	PersistQuorumQueues(t, nodes)
	publish(t, nodes[0], "/", "a")

	leader := QuorumLeader(t, nodes, "/", queue)
	leader.Kill()
	next := QuorumLeader(t, nodes, "/", queue)
	if next == leader {
		t.Fatalf("%s leads, but is dead", next.name)
	}
	// A new leader may refuse messages for a moment.
	testkit.Await(t, "the new leader to take a message", func() bool { return tryPublish(t, next, "/", "b") })
	leader.Start()
	wantDrained(t, leader, "/", "a", "b")
	if strings.Contains(leader.Log(), "was not found on this node") {
		t.Error("the killed node has forgotten its member of the queue")
	}
}
