package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

// provocation makes a broker send an error reply and returns that error. Its options have
// user "u", who may do everything in vhost "v", and queue "q", which does not exist.
type provocation func(t *testing.T, n *rabbittest.Node, o Options) error

// provocations holds the provocation of each recorded reply, by reply.action.
var provocations = map[string]provocation{
	"wrong password": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.Password = func() string { return secret + "x" }
		return sendOne(o)
	},
	"vhost missing": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.VHost = "missing"
		return sendOne(o)
	},
	"vhost forbidden": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.VHost = "/"
		return sendOne(o)
	},
	"vhost down": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Eval(t, `rabbit_vhost_sup_sup:stop_and_delete_vhost(<<"v">>)`)
		return sendOne(o)
	},
	"connections of a vhost": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Ctl(t, "set_vhost_limits", "-p", "v", `{"max-connections":0}`)
		return sendOne(o)
	},
	"connections of a user": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Ctl(t, "set_user_limits", "u", `{"max-connections":0}`)
		return sendOne(o)
	},
	"connections of a node": func(t *testing.T, n *rabbittest.Node, o Options) error {
		setZero(t, n, "connection_max")
		return sendOne(o)
	},
	"channels of a user": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Ctl(t, "set_user_limits", "u", `{"max-channels":0}`)
		return sendOne(o)
	},
	"channels of a node": func(t *testing.T, n *rabbittest.Node, o Options) error {
		setZero(t, n, "channel_max_per_node")
		return sendOne(o)
	},
	"closed by an operator": func(t *testing.T, n *rabbittest.Node, o Options) error {
		return closedBecause(t, o, func(*deadlineConn) { n.CloseConnections(t, "because") })
	},
	"user deleted": func(t *testing.T, n *rabbittest.Node, o Options) error {
		return closedBecause(t, o, func(*deadlineConn) {
			n.Eval(t, `rabbit_auth_backend_internal:delete_user(<<"u">>, <<"test">>),
				rabbit_auth_backend_internal:add_user(<<"u">>, <<"other">>, <<"test">>)`)
		})
	},
	"vhost deleted": func(t *testing.T, n *rabbittest.Node, o Options) error {
		return closedBecause(t, o, func(*deadlineConn) {
			n.Eval(t, `rabbit_vhost:delete(<<"v">>, <<"test">>), rabbit_vhost:add(<<"v">>, <<"test">>)`)
		})
	},
	"bad frame": func(t *testing.T, _ *rabbittest.Node, o Options) error {
		return closedBecause(t, o, func(c *deadlineConn) {
			if _, err := c.Conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
				t.Error(err)
			}
		})
	},
	"frame too large": func(t *testing.T, _ *rabbittest.Node, o Options) error {
		return closedBecause(t, o, func(c *deadlineConn) {
			if _, err := c.Conn.Write([]byte{3, 0, 1, 0x7f, 0xff, 0xff, 0xff}); err != nil {
				t.Error(err)
			}
		})
	},
	"queue missing": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.QueueOptions.Passive = true
		return sendOne(o)
	},
	"exchange missing": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.Exchange = "e"
		return sendOne(o)
	},
	"exchange deleted": func(t *testing.T, n *rabbittest.Node, o Options) error {
		declareExchange(t, n, "direct", false)
		o.Exchange, o.RoutingKey = "e", "k"
		p, err := Open(t.Context(), o)
		if err != nil {
			return err
		}
		defer closeWithin(t, p, 10*time.Second)
		if err := channelOf(t, n, "v").ExchangeDelete("e", false, false); err != nil {
			t.Fatal(err)
		}
		return p.Send(t.Context(), message(0, 100))
	},
	"default exchange by name": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.Exchange = "amq.default"
		return sendOne(o)
	},
	"queue crashed": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.DeclareQueue(t, "v", "q", nil)
		const crash = `lists:foreach(fun(_) ->
			{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"v">>, queue, <<"q">>)),
			gen_server2:cast(amqqueue:get_pid(Q), crash), timer:sleep(20) end, lists:seq(1, 20)),
			{ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"v">>, queue, <<"q">>)), amqqueue:get_state(Queue)`
		testkit.Await(t, "the queue to be given up", func() bool { return n.Eval(t, crash) == "crashed" })
		return sendOne(o)
	},
	"node of the queue stopped": func(t *testing.T, _ *rabbittest.Node, o Options) error {
		nodes := rabbittest.StartCluster(t, 3)
		first, last := nodes[0], nodes[2]
		first.AddVHost(t, "v")
		last.DeclareQueue(t, "v", "q", nil)
		last.Stop()
		o.Hosts, o.Username, o.Password = []string{first.Addr()}, rabbittest.User, func() string { return rabbittest.Password }
		return sendOne(o)
	},
	"broker stopped": func(t *testing.T, _ *rabbittest.Node, o Options) error {
		n := rabbittest.Start(t)
		var err error
		for range 5 {
			err = closedBecause(t, options(t, n, "/"), func(*deadlineConn) { n.Stop() })
			if e, ok := errors.AsType[*amqp091.Error](err); !ok || e.Server {
				break
			}
			n.Start() // the node closed the socket before the library's answer, and the library reports that
		}
		return err
	},
	"queue declared otherwise": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.DeclareQueue(t, "v", "q", nil)
		o.QueueOptions.AutoDelete = true
		return declare(t, o)
	},
	"queue of another connection": func(t *testing.T, n *rabbittest.Node, o Options) error {
		if _, err := channelOf(t, n, "v").QueueDeclare("q", true, false, true, false, nil); err != nil {
			t.Fatal(err)
		}
		return declare(t, o)
	},
	"argument of the wrong type": arguments(map[string]any{"x-message-ttl": "soon"}),
	"argument out of range":      arguments(map[string]any{"x-expires": -1}),
	"unknown queue type":         arguments(map[string]any{"x-queue-type": "none"}),
	"quorum queue, not durable": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.QueueOptions = QueueOptions{Arguments: map[string]any{"x-queue-type": "quorum"}}
		return sendOne(o)
	},
	"deprecated argument": arguments(map[string]any{"x-queue-master-locator": "client-local"}),
	"transient queue, denied": func(t *testing.T, _ *rabbittest.Node, o Options) error {
		if strings.HasPrefix(rabbittest.Version(t), "3.") {
			return nil // it knows neither the feature's deprecation nor the setting
		}
		n := rabbittest.Start(t, rabbittest.WithConfig("deprecated_features.permit.transient_nonexcl_queues = false"))
		o = options(t, n, "/")
		o.QueueOptions = QueueOptions{}
		return sendOne(o)
	},
	"queues of a vhost": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Ctl(t, "set_vhost_limits", "-p", "v", `{"max-queues":0}`)
		return sendOne(o)
	},
	"queues of a cluster": func(t *testing.T, n *rabbittest.Node, o Options) error {
		setZero(t, n, "cluster_queue_limit")
		return sendOne(o)
	},
	"reserved name": func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.Queue = "amq.q"
		return sendOne(o)
	},
	"no permission to look up": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.DeclareQueue(t, "v", "q", nil)
		n.Permit(t, "u", "v", "^$", "^amq.default$", "^$")
		return sendOne(o)
	},
	"no permission to declare": func(t *testing.T, n *rabbittest.Node, o Options) error {
		n.Permit(t, "u", "v", "^$", ".*", ".*")
		return sendOne(o)
	},
	"no permission to publish": func(t *testing.T, n *rabbittest.Node, o Options) error {
		declareExchange(t, n, "direct", false)
		n.Permit(t, "u", "v", ".*", "^q$", ".*")
		o.Exchange, o.RoutingKey = "e", "k"
		return sendOne(o)
	},
	"no permission for the topic": func(t *testing.T, n *rabbittest.Node, o Options) error {
		declareExchange(t, n, "topic", false)
		n.Ctl(t, "set_topic_permissions", "-p", "v", "u", "e", "^other$", "^$")
		o.Exchange, o.RoutingKey = "e", "k"
		return sendOne(o)
	},
	"internal exchange": func(t *testing.T, n *rabbittest.Node, o Options) error {
		declareExchange(t, n, "direct", true)
		o.Exchange, o.RoutingKey = "e", "k"
		return sendOne(o)
	},
	"message too large": func(t *testing.T, n *rabbittest.Node, o Options) error {
		set := func(limit string) {
			n.Eval(t, fmt.Sprintf(`application:set_env(rabbit, max_message_size, %[1]s), persistent_term:put(max_message_size, %[1]s)`, limit))
		}
		limit := n.Eval(t, `{ok, Limit} = application:get_env(rabbit, max_message_size), Limit`)
		set("50")
		defer set(limit)
		return publishRaw(t, o, amqp091.Publishing{Body: make([]byte, 100)}, false)
	},
	"immediate publishing": func(t *testing.T, n *rabbittest.Node, o Options) error {
		return publishRaw(t, o, amqp091.Publishing{}, true)
	},
}

// sendOne opens a publisher, sends a message, closes the publisher and returns the errors.
func sendOne(o Options) error {
	p, err := Open(context.Background(), o)
	if err != nil {
		return err
	}
	err = p.Send(context.Background(), message(0, 100))
	return errors.Join(err, p.Close(context.Background()))
}

// arguments returns the provocation that declares the queue with these arguments.
func arguments(arguments map[string]any) provocation {
	return func(_ *testing.T, _ *rabbittest.Node, o Options) error {
		o.QueueOptions.Arguments = arguments
		return sendOne(o)
	}
}

// connected logs in with o and returns the connection, which is closed when t
// ends.
func connected(t *testing.T, o Options) *connection {
	t.Helper()
	full, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	host := full.Hosts[0]
	socket, err := full.Dial(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	c, err := login(t.Context(), full, host, socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.abort(errClosed) })
	return c
}

// closedBecause connects, calls do, and returns the broker's reason for closing the
// connection.
func closedBecause(t *testing.T, o Options, do func(*deadlineConn)) error {
	t.Helper()
	c := connected(t, o)
	closed := c.conn.NotifyClose(make(chan *amqp091.Error, 1))
	do(c.socket)
	select {
	case e := <-closed:
		return e
	case <-time.After(10 * time.Second):
		return errors.New("the connection is not closed")
	}
}

// declare declares the queue, even if it exists.
func declare(t *testing.T, o Options) error {
	t.Helper()
	return connected(t, o).declareQueue(t.Context(), o.QueueOptions)
}

// publishRaw publishes a message that Publisher would not publish, and returns the broker's
// reason for closing the channel.
func publishRaw(t *testing.T, o Options, m amqp091.Publishing, immediate bool) error {
	t.Helper()
	ch, err := connected(t, o).conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	if err := ch.PublishWithContext(t.Context(), "", "q", false, immediate, m); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-closed:
		return e
	case <-time.After(10 * time.Second):
		return errors.New("the channel is not closed")
	}
}

func declareExchange(t *testing.T, n *rabbittest.Node, kind string, internal bool) {
	t.Helper()
	if err := channelOf(t, n, "v").ExchangeDeclare("e", kind, true, false, internal, false, nil); err != nil {
		t.Fatal(err)
	}
}

// setZero sets a limit of the node to 0, and to infinity when t ends.
func setZero(t *testing.T, n *rabbittest.Node, limit string) {
	t.Helper()
	n.Eval(t, fmt.Sprintf("application:set_env(rabbit, %s, 0)", limit))
	t.Cleanup(func() { n.Eval(t, fmt.Sprintf("application:set_env(rabbit, %s, infinity)", limit)) })
}
