package amqp

import (
	"cmp"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// wantFindings compares the findings of Check with want: "problem: TEXT" is an error with
// the verdict, "note: TEXT" a note, and TEXT alone a finding that something works.
func wantFindings(t *testing.T, o Options, verdict transport.Verdict, want ...string) {
	t.Helper()
	began := time.Now()
	findings := Check(t.Context(), o)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	if len(findings) != len(want) {
		t.Errorf("got %d findings, want %d: %+v", len(findings), len(want), findings)
		return
	}
	for i, w := range want {
		problem, isProblem := strings.CutPrefix(w, "problem: ")
		text, isNote := strings.CutPrefix(w, "note: ")
		switch got := findings[i]; {
		case isProblem:
			wantError(t, got.Err, verdict, problem)
		case got.Err != nil:
			t.Errorf("finding %d is %v, want %q", i, got.Err, w)
		case !strings.Contains(got.Text, text) || got.Note != isNote:
			t.Errorf("finding %d is %+v, want %q", i, got, w)
		}
	}
}

func TestCheck(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	f := func(name string, change func(*Options), verdict transport.Verdict, want ...string) {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, vhost)
			change(&o)
			wantFindings(t, o, verdict, want...)
		})
	}
	const mayPublish, answers = `"guest" may publish`, "answers"
	f("queue missing", func(*Options) {}, 0, `logged in as "guest"`, "will be declared", mayPublish)
	f("queue missing, with arguments", func(o *Options) {
		o.QueueOptions.Arguments = map[string]any{"x-expires": 60000, "x-max-length": 5}
	}, 0, `logged in as "guest"`, "will be declared", mayPublish)
	f("queue missing and passive", func(o *Options) { o.QueueOptions.Passive = true },
		transport.Misconfigured, "RabbitMQ ", `problem: no queue 'flows'`, mayPublish)
	if n.QueueExists(t, vhost, queue) {
		t.Error("Check has declared the queue")
	}
	n.DeclareQueue(t, vhost, queue, nil)
	f("all there, exchange too", func(o *Options) { o.Exchange = "amq.direct" }, 0,
		"logged in", "0 messages, 0 consumers", "only a message can tell", mayPublish, answers)
	f("exchange missing", func(o *Options) { o.Exchange = "nosuch" },
		transport.Misconfigured, "logged in", "exists", `problem: "nosuch"`, `problem: "nosuch"`, answers)
	f("routing key names no queue", func(o *Options) { o.RoutingKey = "other" },
		transport.Misconfigured, "logged in", "exists", `problem: routing key "other" names no queue`, mayPublish)
	f("wrong password", func(o *Options) { o.Password = func() string { return secret } },
		transport.Refused, "problem: check username and password")
	dead := deadHost(t)
	f("first host away", func(o *Options) {
		unknownNames(o, dead, "nosuch.invalid:1", o.Hosts[0])
	}, transport.Retry, "problem: "+dead+": connect", "problem: nosuch.invalid:1: resolve", "logged in", "exists", mayPublish, answers)
	f("no host exists", func(o *Options) {
		unknownNames(o, "nosuch.invalid:1", "nosuch2.invalid:1")
	}, transport.Misconfigured, "problem: nosuch.invalid:1: resolve", "problem: nosuch2.invalid:1: resolve")
	f("bad options", func(o *Options) { o.Hosts = nil }, transport.Misconfigured, "problem: no host")
	if got := n.QueueLen(t, vhost, queue); got != 0 {
		t.Errorf("Check left %d messages in the queue", got)
	}
	send(t.Context(), open(t, options(t, n, vhost)), 0, 1, 100, 1).await(t)
	f("queue holds messages", func(*Options) {}, 0, "logged in", "1 messages", mayPublish, "note: holds messages")
	wantInQueue(t, n, vhost, 0, 1, 100, exactlyOnce)
}

// TestCheckPermissions: Check reports missing permissions, and declares and delivers
// nothing.
func TestCheckPermissions(t *testing.T) {
	n := rabbittest.Shared(t)
	for name, c := range map[string]struct {
		configure, write, read string
		declared               bool   // the queue
		kind                   string // of the queue; empty for classic
		exchange               string
		prepare                func(t *testing.T, vhost string)
		want                   []string
	}{
		"may do all": {
			configure: ".*", write: ".*", read: ".*", declared: true,
			want: []string{"logged in", "exists", "may publish to exchange", "answers"},
		},
		"may not declare": {
			configure: "^other$", write: ".*", read: ".*",
			want: []string{"logged in", `problem: declare queue "flows"`, "may publish"},
		},
		"may not publish": {
			configure: ".*", write: `^flows$`, read: ".*",
			want: []string{"logged in", "will be declared", `problem: publish to exchange "" with routing key "flows"`},
		},
		"may not read": {
			configure: "^$", write: `^(flows|amq\.default)$`, read: "^$", declared: true,
			want: []string{"logged in", "exists", "may publish", "note: needs permission to read"},
		},
		"a stream": {
			configure: ".*", write: ".*", read: ".*", declared: true, kind: "stream",
			want: []string{"logged in", "exists", "may publish", "note: basic.get"},
		},
		"may not publish to the topic": {
			configure: ".*", write: ".*", read: ".*", declared: true, exchange: "amq.topic",
			prepare: func(t *testing.T, vhost string) {
				n.Ctl(t, "set_topic_permissions", "-p", vhost, "careful", "amq.topic", "^other$", "^other$")
			},
			want: []string{"logged in", "exists", "only a message can tell", "problem: set_topic_permissions", "answers"},
		},
		"may publish to the topic": {
			configure: ".*", write: ".*", read: ".*", declared: true, exchange: "amq.topic",
			prepare: func(t *testing.T, vhost string) {
				n.Ctl(t, "set_topic_permissions", "-p", vhost, "careful", "amq.topic", "^flows$", "^$")
			},
			want: []string{"logged in", "exists", "only a message can tell", "may publish", "answers"},
		},
		"an impersonator": {
			configure: ".*", write: ".*", read: ".*", declared: true, exchange: "amq.fanout",
			prepare: func(t *testing.T, _ string) { n.Ctl(t, "set_user_tags", "careful", "impersonator") },
			want:    []string{"logged in", "exists", "only a message can tell", "note: tagged impersonator", "answers"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			vhost := n.VHost(t)
			n.AddUser(t, "careful", secret, vhost, c.configure, c.write, c.read)
			if c.declared {
				n.DeclareQueue(t, vhost, queue, amqp091.Table{"x-queue-type": cmp.Or(c.kind, "classic")})
				bind(t, n, vhost, "amq.topic", "amq.fanout")
			}
			if c.prepare != nil {
				c.prepare(t, vhost)
			}
			o := options(t, n, vhost)
			o.Username, o.Password = "careful", func() string { return secret }
			o.Exchange, o.RoutingKey = c.exchange, queue
			wantFindings(t, o, transport.Refused, c.want...)
			if got := n.QueueExists(t, vhost, queue); got != c.declared {
				t.Errorf("the queue exists: %v, want %v", got, c.declared)
			}
			if c.declared && n.QueueLen(t, vhost, queue) > 0 {
				t.Error("Check has delivered a message")
			}
		})
	}
}

// bind binds the queue to the exchanges.
func bind(t *testing.T, n *rabbittest.Node, vhost string, exchanges ...string) {
	t.Helper()
	ch := channelOf(t, n, vhost)
	for _, e := range exchanges {
		if err := ch.QueueBind(queue, queue, e, false, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheckCutOff: if the connection ends between two requests of Check, the findings say so.
func TestCheckCutOff(t *testing.T) {
	n := rabbittest.Shared(t)
	o := options(t, n, n.VHost(t))
	n.DeclareQueue(t, o.VHost, queue, nil)
	complete := len(Check(t.Context(), o))
	for last := 1; ; last++ {
		var turns turns
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			return &turnConn{c, &turns, last}, err
		}
		findings := Check(t.Context(), o)
		if turns.count() < last {
			break // the check has ended before
		}
		if final := findings[len(findings)-1]; len(findings) < complete && final.Err == nil {
			t.Errorf("after %d answers: %d of %d findings, the last is %+v", last, len(findings), complete, final)
		}
	}
}

// TestCheckClusterWithoutMajority: two of three nodes are away.
func TestCheckClusterWithoutMajority(t *testing.T) {
	nodes := rabbittest.StartCluster(t, 3)
	vhost := nodes[0].VHost(t)
	o := options(t, nodes[0], vhost)
	nodes[0].DeclareQueue(t, vhost, queue, amqp091.Table{"x-queue-type": "quorum"})
	nodes[2].DeclareQueue(t, vhost, "classic", nil)
	rabbittest.QuorumLeader(t, nodes, vhost, queue)
	wantFindings(t, o, 0, "logged in", "exists", "may publish", "answers")

	nodes[1].Kill()
	nodes[2].Kill()
	o.ConnectionTimeout = 2 * time.Second
	t.Run("quorum queue", func(t *testing.T) {
		findings := Check(t.Context(), o)
		wantError(t, findings[len(findings)-1].Err, transport.Retry, `ask queue "flows"`, "lost its majority")
	})
	t.Run("classic queue of another node", func(t *testing.T) {
		o.Queue = "classic"
		findings := Check(t.Context(), o)
		if len(findings) < 2 {
			t.Fatalf("got %+v", findings)
		}
		wantError(t, findings[1].Err, transport.Retry, `look up queue "classic"`, "node that holds the queue", "away")
	})
}
