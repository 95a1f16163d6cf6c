package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

const queue = "netsage_tstat"

// service is a consumer in the test's process, with its broker and database.
type service struct {
	t     *testing.T
	node  *rabbittest.Node
	vhost string
	db    *postgres
	log   testkit.Buffer
}

// startService starts a consumer with the permissions of docs/cluster.md. It ends when t ends.
func startService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, node: rabbittest.Shared(t), db: startPostgres(t, "fsync=off")}
	s.vhost = s.node.VHost(t)
	s.node.DeclareQueue(t, s.vhost, queue, nil)
	s.node.DeclareQueue(t, s.vhost, dead, nil)
	user := "archive-" + s.vhost
	s.node.AddUser(t, user, "secret", s.vhost, "^$", `^amq\.default$`, "^("+queue+"|"+dead+")$")
	a := &archive{
		rabbit: fmt.Sprintf("amqp://%s:secret@%s/%s", user, s.node.Addr(), s.vhost), database: s.db.url(),
		queue: queue, dead: dead, batch: 10, log: newLog(&s.log, slog.LevelDebug),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("the consumer's log:\n%s", s.log.String())
		}
	})
	return s
}

// publish publishes a message and waits for its confirmation. The length of a queue does not
// count an unconfirmed message that is still on its way to the queue.
func (s *service) publish(id string, body []byte) {
	s.t.Helper()
	ctx := s.t.Context()
	ch, err := s.node.Dial(s.t, s.vhost).Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	var confirm *amqp.DeferredConfirmation
	if err == nil {
		m := amqp.Publishing{MessageId: id, ContentType: "application/json", Body: body}
		confirm, err = ch.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false, m)
	}
	if err == nil {
		var acked bool
		if acked, err = confirm.WaitContext(ctx); err == nil && !acked {
			err = errors.New("the broker has refused the message")
		}
	}
	if err == nil {
		err = ch.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// count returns the number of messages in a queue: all, or, of a classic queue, only those that
// a consumer has taken and not acknowledged yet.
func count(t testing.TB, n *rabbittest.Node, vhost, queue string, unacknowledged bool) string {
	t.Helper()
	kind := "messages"
	if unacknowledged {
		kind = "messages_unacknowledged"
	}
	// The info of a quorum queue is seconds old.
	return n.Eval(t, fmt.Sprintf(`{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"%s">>)),
		case amqqueue:get_type(Queue) of
			rabbit_quorum_queue -> {ok, {_, N}, _} = ra:local_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1), N;
			_ -> [{_, N}] = rabbit_amqqueue:info(Queue, [%s]), N
		end`, vhost, queue, kind))
}

// awaitDone waits until all messages are acknowledged.
func (s *service) awaitDone() {
	s.t.Helper()
	testkit.Await(s.t, "all messages to be acknowledged", func() bool { return count(s.t, s.node, s.vhost, queue, false) == "0" })
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := startService(t)
	flows := goldenFlows(t, "level15")[:200]
	bodies := messagesOf(flows, 50)
	wrong := []byte(`[{"type":"flow"}]`)
	s.publish("s/0/d/log@0-10", bodies[0])
	s.publish("s/0/d/log@10-20", wrong)
	s.publish("s/0/d/log@20-30", bodies[1])
	s.publish("zero\x00byte", bodies[2])                           // PostgreSQL refuses it
	long := []byte(`[{"` + strings.Repeat("x", 200_000) + `":1}]`) // the fault names the key
	s.publish("s/0/d/log@30-40", long)
	s.publish("s/0/d/log@40-50", bodies[3])
	s.awaitDone()

	want := multiset{}
	for _, f := range slices.Concat(flows[:100], flows[150:]) { // bodies[2] is refused
		want.addJSON(t, f)
	}
	wantFlows(t, s.db.url(), want)
	reasons := map[string]string{"s/0/d/log@10-20": "flow 0: type, interval", "zero\x00byte": "invalid byte sequence", "s/0/d/log@30-40": "unknown field"}
	bodyOf := map[string][]byte{"s/0/d/log@10-20": wrong, "zero\x00byte": bodies[2], "s/0/d/log@30-40": long}
	for _, d := range s.node.Drain(t, s.vhost, dead) {
		reason, _ := d.Headers["reason"].(string)
		if want := reasons[d.MessageId]; want == "" || !strings.Contains(reason, want) || d.Headers["queue"] != queue ||
			string(d.Body) != string(bodyOf[d.MessageId]) || d.DeliveryMode != amqp.Persistent || d.ContentType != "application/json" {
			t.Errorf("dead letter %q, headers %v, %d bytes, want the reason %q", d.MessageId, d.Headers, len(d.Body), want)
		}
		delete(reasons, d.MessageId)
	}
	if len(reasons) > 0 {
		t.Errorf("no dead letters: %v", reasons)
	}
}

// TestDatabaseAway: the consumer keeps its messages while the database is away, and makes
// dropped partitions anew.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	s := startService(t)
	flows := goldenFlows(t, "v2.4_bulk")
	bodies := messagesOf(flows, 7)
	want := multiset{}
	for _, f := range flows[7:] { // the first seven are dropped with their partition
		want.addJSON(t, f)
	}
	s.publish("s/0/d/log@0-7", bodies[0])
	s.awaitDone()
	store, err := openStore(t.Context(), s.db.url())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.conn.Exec(t.Context(), "DROP TABLE flows_20261122"); err != nil {
		t.Fatal(err)
	}
	store.close()
	s.publish("s/0/d/log@7-14", bodies[1])
	s.awaitDone()

	s.db.kill()
	s.publish("s/0/d/log@14-21", bodies[2])
	testkit.Await(t, "the consumer to notice", func() bool { return strings.Contains(s.log.String(), "refused") })
	s.publish("s/0/d/log@21-28", bodies[3])
	testkit.Await(t, "the consumer to take another message", func() bool {
		return count(t, s.node, s.vhost, queue, true) == "2"
	})
	s.db.start()
	s.awaitDone()
	wantFlows(t, s.db.url(), want)
	if strings.Contains(s.log.String(), "session_ended") {
		t.Error("messages were given back while the database was away")
	}
	if n := s.node.QueueLen(t, s.vhost, dead); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestQueueAway: the consumer goes on after its queue was deleted and declared again.
func TestQueueAway(t *testing.T) {
	t.Parallel()
	s := startService(t)
	body := messagesOf(goldenFlows(t, "v2.4_bulk"), 26)[0]
	testkit.Await(t, "the consumer to consume", func() bool { return strings.Contains(s.log.String(), "event=consuming") })
	s.node.DeleteQueue(t, s.vhost, queue)
	testkit.Await(t, "the consumer to notice", func() bool { return strings.Contains(s.log.String(), "event=session_ended") })
	s.node.DeclareQueue(t, s.vhost, queue, nil)
	s.publish("s/0/d/log@0-7", body)
	s.awaitDone()
	if n := table(t, s.db.url()).size(); n != 26 {
		t.Errorf("%d flows in the table, want 26", n)
	}
}
