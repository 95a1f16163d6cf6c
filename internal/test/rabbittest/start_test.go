package rabbittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/testkit"
)

func TestMain(m *testing.M) { Main(m) }

const queue = "queue"

// publish publishes persistent messages, which must be confirmed.
func publish(t *testing.T, n *Node, vhost string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if !tryPublish(t, n, vhost, b) {
			t.Fatalf("message %q is not confirmed", b)
		}
	}
}

// tryPublish publishes a persistent message, and reports whether the broker confirms it.
func tryPublish(t *testing.T, n *Node, vhost, body string) bool {
	t.Helper()
	ch, err := n.Dial(t, vhost).Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: body, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	acked, err := c.WaitContext(ctx)
	if err != nil {
		t.Fatalf("message %q: %v", body, err)
	}
	return acked
}

func wantDrained(t *testing.T, n *Node, vhost string, bodies ...string) {
	t.Helper()
	var got []string
	for _, d := range n.Drain(t, vhost, queue) {
		got = append(got, string(d.Body))
	}
	if strings.Join(got, ",") != strings.Join(bodies, ",") {
		t.Errorf("drained %q, want %q", got, bodies)
	}
	if left := n.QueueLen(t, vhost, queue); left != 0 {
		t.Errorf("%d messages are left after draining", left)
	}
}

func TestSharedNodeTakesAndGivesMessages(t *testing.T) {
	n := Shared(t)
	if again := Shared(t); again != n {
		t.Fatal("a second node was started")
	}
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, nil)
	wantDrained(t, n, vhost)
	publish(t, n, vhost, "a", "b", "c")
	if got := n.QueueLen(t, vhost, queue); got != 3 {
		t.Errorf("queue length %d, want 3", got)
	}
	wantDrained(t, n, vhost, "a", "b", "c")
	n.DeleteQueue(t, vhost, queue)
	if got := n.Eval(t, `length(rabbit_amqqueue:list(`+erlangBinary(vhost)+`))`); got != "0" {
		t.Errorf("%s queues are left after the only one was deleted", got)
	}
	if out := n.Ctl(t, "list_vhosts"); !strings.Contains(out, vhost) {
		t.Errorf("rabbitmqctl list_vhosts does not name %s:\n%s", vhost, out)
	}
}

func TestVHostIsDeletedWhenItsTestEnds(t *testing.T) {
	n := Shared(t)
	var vhost string
	t.Run("inner", func(t *testing.T) { vhost = n.VHost(t) })
	if got := n.Eval(t, "rabbit_vhost:exists("+erlangBinary(vhost)+")"); got != "false" {
		t.Errorf("vhost %s exists: %s", vhost, got)
	}
}

func TestUserMayDoWhatItWasGiven(t *testing.T) {
	n := Shared(t)
	vhost := n.VHost(t)
	n.DeclareQueue(t, vhost, queue, nil)
	n.AddUser(t, "reader", `p"w\%/é`, vhost, "^$", "^$", ".*")
	conn, err := amqp.DialConfig("amqp://"+n.Addr(), amqp.Config{
		Vhost: vhost, SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "reader", Password: `p"w\%/é`}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ch.Get(queue, true); err != nil {
		t.Errorf("cannot read: %v", err)
	}
	_, err = ch.QueueDeclare("other", true, false, false, false, nil)
	if e, ok := errors.AsType[*amqp.Error](err); !ok || e.Code != amqp.AccessRefused {
		t.Errorf("declaring a queue: %v, want 403", err)
	}
}

func TestOperatorClosesConnections(t *testing.T) {
	n := Shared(t)
	vhost := n.VHost(t)
	conn := n.Dial(t, vhost)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	// The connections of earlier tests end a moment after their clients.
	testkit.Await(t, "this connection alone to be listed", func() bool {
		return n.Sessions(t, vhost) == 1 && n.Eval(t, `length(rabbit_networking:local_connections())`) == "1"
	})
	if got := n.CloseConnections(t, "because"); got != 1 {
		t.Errorf("closed %d connections, want 1", got)
	}
	if err := <-closed; err == nil || err.Code != amqp.ConnectionForced || !strings.Contains(err.Reason, "because") {
		t.Errorf("closed with %v, want 320 because", err)
	}
}

func TestEvalFailsOnErlangErrors(t *testing.T) {
	n := Shared(t)
	for _, bad := range []string{"1/0", "no such syntax", "throw(x)"} {
		if v, err := n.eval(bad); err == nil {
			t.Errorf("%s gave %s", bad, v)
		}
	}
}

// TestLogHasEveryEvent logs more events in a second than Erlang's handlers keep by default.
func TestLogHasEveryEvent(t *testing.T) {
	n := Shared(t)
	const events = 2000
	name := randomName("event")
	n.Eval(t, fmt.Sprintf(`[logger:info("%s", [], #{domain => [rabbitmq]}) || _ <- lists:seq(1, %d)], ok`, name, events))
	testkit.Await(t, "all events to be logged", func() bool { return strings.Count(n.Log(), name) == events })
}

func TestKillAndRestartKeepDurableMessages(t *testing.T) {
	began := time.Now()
	n := Start(t, WithConfig("channel_max = 7"))
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	if got := n.Eval(t, "application:get_env(rabbit, channel_max)"); got != "{ok,7}" {
		t.Errorf("channel_max is %s", got)
	}
	addr := n.Addr()
	n.DeclareQueue(t, "/", queue, nil)
	n.Persist()
	pid := n.Pid()
	publish(t, n, "/", "a")
	n.Kill()
	wantGone(t, pid)
	n.Start()
	publish(t, n, "/", "b")
	n.Restart()
	if n.Addr() != addr {
		t.Errorf("address changed from %s to %s", addr, n.Addr())
	}
	wantDrained(t, n, "/", "a", "b")

	n.Pause()
	if state, err := processState(filepath.Join("/proc", strconv.Itoa(n.Pid()))); err != nil || state != 'T' {
		t.Errorf("process is %q after Pause (%v), want T, stopped", state, err)
	}
	n.Resume()
	wantDrained(t, n, "/")

	conn := n.Dial(t, "/")
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	n.MemoryAlarm(t, true)
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte("c")}); err != nil {
		t.Fatal(err)
	}
	if b := <-blocked; !b.Active {
		t.Error("unblocked before it was blocked")
	}
	n.MemoryAlarm(t, false)
	if b := <-blocked; b.Active {
		t.Error("blocked again after the alarm was cleared")
	}
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	state, err := processState(filepath.Join("/proc", strconv.Itoa(pid)))
	if !noSuchProcess(err) && state != 'Z' {
		t.Errorf("process %d is still there, in state %q (%v)", pid, state, err)
	}
}

// processes returns the processes with text in their command line or environment.
func processes(t *testing.T, text string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range all {
		for _, f := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(filepath.Join(p, f))
			if err == nil && bytes.Contains(b, []byte(text)) {
				found = append(found, p+" "+strings.ReplaceAll(string(b[:min(len(b), 200)]), "\x00", " "))
				break
			}
		}
	}
	return found
}

func TestNothingIsLeftAfterATest(t *testing.T) {
	require(t)
	var dir string
	t.Run("inner", func(t *testing.T) {
		n := Start(t)
		dir = n.dir
		if len(processes(t, dir)) == 0 {
			t.Fatal("the node runs, but processes does not find it")
		}
		n.Eval(t, "rabbit_nodes_common:ensure_epmd()") // as a node does every minute
	})
	defer func() {
		if t.Failed() {
			t.Logf("left running: %q", processes(t, dir))
		}
	}()
	// The node's helper processes end a moment after the node.
	testkit.Await(t, "the node's processes to end", func() bool { return len(processes(t, dir)) == 0 })
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
}

// The child is this test in another process. An environment variable makes it start a node,
// pause the node (a paused node must die too), and wait until it is killed.
func TestNothingIsLeftWhenTheTestProcessIsKilled(t *testing.T) {
	const env = "RABBITTEST_CHILD"
	if os.Getenv(env) != "" {
		n := Start(t)
		n.Pause()
		if _, err := os.Stdout.WriteString("dir=" + n.dir + "\n"); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	require(t)
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), env+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var seen []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(seen, []byte("dir=/")) || seen[len(seen)-1] != '\n' {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the child ended: %v\n%s", err, seen)
		}
		seen = append(seen, buf[:n]...)
	}
	_, rest, _ := bytes.Cut(seen, []byte("dir="))
	dir := strings.TrimSpace(string(rest))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	defer func() {
		if t.Failed() {
			t.Logf("left running: %q", processes(t, dir))
		}
	}()
	testkit.Await(t, "the node to die", func() bool { return len(processes(t, dir)) == 0 })
	testkit.Await(t, "its directory to go", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}
