package amqp

import (
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

func TestCheck(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	f := func(name string, change func(*Options), kind transport.Verdict, want ...string) {
		t.Run(name, func(t *testing.T) {
			o := options(t, n, vhost)
			change(&o)
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
				switch got := findings[i]; {
				case isProblem:
					wantError(t, got.Err, kind, problem)
				case got.Err != nil:
					t.Errorf("finding %d is %v, want %q", i, got.Err, w)
				case !strings.Contains(got.Text, w):
					t.Errorf("finding %d is %q, want %q", i, got.Text, w)
				}
			}
		})
	}
	f("queue missing", func(*Options) {}, 0, `logged in as "guest"`, "will be declared")
	f("queue missing and passive", func(o *Options) { o.QueueOptions.Passive = true },
		transport.Misconfigured, "RabbitMQ ", `problem: no queue 'flows'`)
	n.DeclareQueue(t, vhost, queue, nil)
	f("all there, exchange too", func(o *Options) { o.Exchange = "amq.direct" }, 0,
		"logged in", "0 messages, 0 consumers", "only a message can tell")
	f("exchange missing", func(o *Options) { o.Exchange = "nosuch" },
		transport.Misconfigured, "logged in", "exists", `problem: "nosuch"`)
	f("routing key names no queue", func(o *Options) { o.RoutingKey = "other" },
		transport.Misconfigured, "logged in", "exists", `problem: routing key "other" names no queue`)
	f("wrong password", func(o *Options) { o.Password = func() string { return secret } },
		transport.Refused, "problem: check username and password")
	dead := deadHost(t)
	f("first host away", func(o *Options) {
		o.Hosts = []string{dead, "nosuch.invalid:1", o.Hosts[0]}
	}, transport.Retry, "problem: "+dead+": connect", "problem: nosuch.invalid:1: resolve", "logged in", "exists")
	f("bad options", func(o *Options) { o.Hosts = nil }, transport.Misconfigured, "problem: no host")

	if got := n.QueueLen(t, vhost, queue); got != 0 {
		t.Errorf("Check left %d messages in the queue", got)
	}
}
