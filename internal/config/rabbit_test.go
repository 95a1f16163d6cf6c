package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// compare makes cmp compare the texts of secrets and the unexported field of TLS.
var compare = cmp.Options{
	cmp.Transformer("reveal", func(s Secret) string { return s.Reveal() }),
	cmp.AllowUnexported(TLS{}),
}

func TestRabbitOfThePythonTool(t *testing.T) {
	f := mustLoad(t, `[rabbit]
# host/port are required for all transport variants
host = localhost
port = 5671
username = esnet
password = some_mysterious#password ; and more
use_ssl = True
vhost = netsage
queue = netsage_tstat
routing_key = netsage_tstat
exchange =
heartbeat=300

[rabbit_queue_options]
[ssl_options]
`)
	got, err := f.Rabbit()
	if err != nil {
		t.Fatal(err)
	}
	want := Rabbit{
		Hosts:    []Host{{"localhost", 5671}},
		Username: "esnet", Password: NewSecret("some_mysterious#password ; and more"),
		UseSSL: true, TLS: TLS{path: f.path},
		VHost: "netsage", Queue: "netsage_tstat", RoutingKey: "netsage_tstat",
		QueueOptions:      QueueOptions{Durable: true, Arguments: map[string]any{}},
		Heartbeat:         5 * time.Minute,
		ConnectionTimeout: 10 * time.Second, ConfirmTimeout: 30 * time.Second, BlockedTimeout: time.Minute,
		DeliveryMode: 2,
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Error("- want, + got:\n" + diff)
	}
	if w := warnings(f); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

func TestRabbit(t *testing.T) {
	f := mustLoad(t, `[DEFAULT]
x-max-length = 5
x-queue-type = quorum
compression = GZIP
[rabbit]
host = a.example, b_c:5673 ,10.0.0.1,::1,[2001:db8::1]:5674,[fe80::1%eth0]
port = 5672
queue = q
connection_timeout = 2.5
confirm_timeout = 1m30s
blocked_timeout = 86400
delivery_mode = 1
[rabbit_queue_options]
durable = off
exclusive = 0
auto_delete = Yes
passive = ON
x-queue-type = classic
x-message-ttl: 60000
x-overflow = reject-publish
x-single-active-consumer = True
x-dead-letter-routing-key = 12
x-own = some text
x-own-flag = false
x-negative = -9223372036854775808
`)
	got, err := f.Rabbit()
	if err != nil {
		t.Fatal(err)
	}
	want := Rabbit{
		Hosts: []Host{{"a.example", 5672}, {"b_c", 5673}, {"10.0.0.1", 5672}, {"::1", 5672},
			{"2001:db8::1", 5674}, {"fe80::1%eth0", 5672}},
		Username: "guest", Password: NewSecret("guest"),
		VHost: "/", Queue: "q", RoutingKey: "q",
		QueueOptions: QueueOptions{
			AutoDelete: true, Passive: true,
			Arguments: map[string]any{
				"x-max-length": int64(5), "x-queue-type": "classic", "x-message-ttl": int64(60000),
				"x-overflow": "reject-publish", "x-single-active-consumer": true,
				"x-dead-letter-routing-key": "12", "x-own": "some text", "x-own-flag": false,
				"x-negative": int64(-1 << 63),
			},
		},
		Heartbeat: 10 * time.Second, ConnectionTimeout: 2500 * time.Millisecond,
		ConfirmTimeout: 90 * time.Second, BlockedTimeout: 24 * time.Hour,
		DeliveryMode: 1, Compression: "gzip",
	}
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Error("- want, + got:\n" + diff)
	}
	wantWarning := "config.ini:16: [rabbit_queue_options] auto_delete: an auto_delete queue is deleted with its messages when its last consumer leaves; set it to no"
	if diff := cmp.Diff([]string{wantWarning}, warnings(f)); diff != "" {
		t.Error("warnings: - want, + got:\n" + diff)
	}
	var addresses []string
	for _, h := range got.Hosts {
		addresses = append(addresses, h.String())
	}
	if got, want := strings.Join(addresses, " "), "a.example:5672 b_c:5673 10.0.0.1:5672 [::1]:5672 [2001:db8::1]:5674 [fe80::1%eth0]:5672"; got != want {
		t.Errorf("addresses %s, want %s", got, want)
	}
}

func TestRoute(t *testing.T) {
	for _, test := range []struct {
		name, text       string
		queue, key, warn string
	}{
		{"queue alone", "queue = q", "q", "q", ""},
		{"key alone", "routing_key = k", "k", "k", ""},
		{"key and empty queue", "queue =\nrouting_key = k", "k", "k", ""},
		{"both", "queue = q\nrouting_key = q", "q", "q", ""},
		{"they differ", "queue = q\nrouting_key = k", "q", "k",
			`config.ini:5: [rabbit] routing_key: exchange is empty, so messages go to the queue "k" and not to "q"; set queue and routing_key to the same name`},
		{"exchange alone", "exchange = x", "", "", ""},
		{"exchange and key", "exchange = x\nrouting_key = k", "", "k", ""},
		{"exchange and queue", "exchange = x\nqueue = q", "q", "q", ""},
		{"exchange, queue and empty key", "exchange = x\nqueue = q\nrouting_key =", "q", "", ""},
		{"exchange, queue and key", "exchange = x\nqueue = q\nrouting_key = k", "q", "k", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\n"+test.text)
			r, err := f.Rabbit()
			if err != nil {
				t.Fatal(err)
			}
			if r.Queue != test.queue || r.RoutingKey != test.key {
				t.Errorf("queue %q key %q, want %q %q", r.Queue, r.RoutingKey, test.queue, test.key)
			}
			if got := strings.Join(warnings(f), "\n"); got != test.warn {
				t.Errorf("warnings %s, want %s", got, test.warn)
			}
		})
	}
}

func TestRabbitErrors(t *testing.T) {
	const minimal = "[rabbit]\nhost = h\nport = 1\nqueue = q\n"
	const seconds = "want seconds, or a duration such as 30s or 2m, from "
	for _, test := range []struct{ name, text, want string }{
		{"no section", "[a]\n", "config.ini: there is no section [rabbit]; add it with at least host and port"},
		{"only defaults", "[DEFAULT]\nhost = h\nport = 1\n", "config.ini: there is no section [rabbit]; add it with at least host and port"},
		{"empty section", "[rabbit]\n", "config.ini: [rabbit] has no host; set it to the server's name or address\n" +
			"config.ini: [rabbit] has no queue; set it to the queue to send to"},
		{"no port", "[rabbit]\nhost = a:1,b\nqueue = q", "config.ini: [rabbit] has no port; set it to the port of b, usually 5672, or 5671 with use_ssl"},
		{"port", "[rabbit]\nhost = h\nqueue = q\nport = 65536", `config.ini:4: [rabbit] port: want a port number from 1 to 65535`},
		{"empty port", "[rabbit]\nhost = h\nqueue = q\nport =", `config.ini:4: [rabbit] port: want a port number from 1 to 65535`},
		{"inherited", "[DEFAULT]\nuse_ssl = maybe\n" + minimal, `config.ini:2: [DEFAULT] use_ssl: want yes, true, on or 1, or no, false, off or 0`},
		{"address as host", "[rabbit]\nhost = amqp://u:hunter2@h\nport = 1\nqueue = q", "config.ini:2: [rabbit] host: want " + wantHosts},
		{"heartbeat 0", minimal + "heartbeat = 0", `config.ini:5: [rabbit] heartbeat: ` + seconds + "1 to 3600 seconds"},
		{"negative", minimal + "confirm_timeout = -1", `config.ini:5: [rabbit] confirm_timeout: ` + seconds + "1 to 86400 seconds"},
		{"ambiguous", minimal + "confirm_timeout = 1h30", `config.ini:5: [rabbit] confirm_timeout: ` + seconds + "1 to 86400 seconds"},
		{"empty duration", minimal + "blocked_timeout =", `config.ini:5: [rabbit] blocked_timeout: ` + seconds + "1 to 86400 seconds"},
		{"mode", minimal + "delivery_mode = 3", `config.ini:5: [rabbit] delivery_mode: want 2 or 1`},
		{"compression", minimal + "compression = lz4", `config.ini:5: [rabbit] compression: want none, gzip or zstd`},
		{"vhost", minimal + "vhost =", `config.ini:5: [rabbit] vhost: want the name of a vhost; RabbitMQ's first vhost is named /`},
		{"long vhost", minimal + "vhost = " + strings.Repeat("v", 256), `config.ini:5: [rabbit] vhost: want at most 255 bytes, not 256`},
		{"username", minimal + "username =", `config.ini:5: [rabbit] username: want a user of RabbitMQ`},
		{"password", minimal + "username = u", "config.ini: [rabbit] has no password; set it to the password of u, or set password_file or TSTAT_RABBIT_PASSWORD in the environment"},
		{"empty key", minimal + "routing_key =", `config.ini:5: [rabbit] routing_key: want the queue's name, or no routing_key at all, since exchange is empty`},
		{"durable", minimal + "[rabbit_queue_options]\ndurable = 2", `config.ini:6: [rabbit_queue_options] durable: want yes, true, on or 1, or no, false, off or 0`},
		{"exclusive", minimal + "[rabbit_queue_options]\nexclusive = yes", `config.ini:6: [rabbit_queue_options] exclusive: want no: an exclusive queue is deleted with its connection, and the confirmed messages in it are lost`},
		{"integer argument", minimal + "[rabbit_queue_options]\nx-max-length = many", `config.ini:6: [rabbit_queue_options] x-max-length: want a whole number`},
		{"flag argument", minimal + "[rabbit_queue_options]\nx-single-active-consumer = 1", `config.ini:6: [rabbit_queue_options] x-single-active-consumer: want true or false`},
		{"large argument", minimal + "[rabbit_queue_options]\nx-own = 9223372036854775808", `config.ini:6: [rabbit_queue_options] x-own: want a whole number of at most 64 bits`},
		{"several", "[rabbit]\nhost = h\nport = x\nqueue = q\nuse_ssl = y", `config.ini:3: [rabbit] port: want a port number from 1 to 65535` + "\n" +
			`config.ini:5: [rabbit] use_ssl: want yes, true, on or 1, or no, false, off or 0`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, test.text)
			_, err := f.Rabbit()
			if err == nil {
				err = errors.New("no error")
			}
			if got := shorten(err.Error(), f.path); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestHostErrors(t *testing.T) {
	for _, host := range []string{
		",", "a,", "a,,b", "a:", "a:0", "a:65536", "a:b", "a b", "a/b", "amqp://a", "[::1", "[::1]5672", "[::1]:", "[a]:1",
		"[10.0.0.1]:1", "a:1:2", "h\u00f6st", "${NONE}", strings.Repeat("a", 254),
	} {
		t.Setenv("TSTAT_TEST_HOST", host)
		f := mustLoad(t, "[rabbit]\nhost = ${TSTAT_TEST_HOST}\nport = 1\nqueue = q\n")
		if r, err := f.Rabbit(); err == nil || !strings.HasSuffix(err.Error(), wantHosts) {
			t.Errorf("%q: read as %v, error %v", host, r.Hosts, err)
		}
	}
}

// TestHostOrder: with a random order each of three hosts comes first at some time.
func TestHostOrder(t *testing.T) {
	for order, want := range map[string]int{"": 1, "host_order = listed": 1, "host_order = Random": 3} {
		f := mustLoad(t, "[rabbit]\nhost = a, b, c\nport = 1\nqueue = q\n"+order+"\n")
		first := map[string]bool{}
		for range 200 {
			r, err := f.Rabbit()
			if err != nil {
				t.Fatal(err)
			}
			first[r.Hosts[0].Name] = true
		}
		if len(first) != want {
			t.Errorf("with %q %d hosts come first: %v, want %d", order, len(first), first, want)
		}
	}
}
