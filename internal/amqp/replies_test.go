package amqp

import (
	"errors"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// replyVersions are the versions of RabbitMQ whose replies are recorded.
var replyVersions = [3]string{"3.10", "4.0", "4.3"}

// The texts of a reply in each of replyVersions.

func all(text string) [3]string            { return [3]string{text, text, text} }
func from40(text string) [3]string         { return [3]string{"", text, text} }
func each(v310, v40, v43 string) [3]string { return [3]string{v310, v40, v43} }

// reply is an exception with which a broker closes a connection or a channel,
// and what it means for a run.
type reply struct {
	action string // a key of provocations
	code   int
	// texts has a text for each of replyVersions. An empty text means that the version
	// does not refuse the action. A text that ends with … is only the beginning.
	texts   [3]string
	verdict transport.Verdict
	remedy  string
}

// textOf returns the recorded text of a version. ok is false if the version is not among
// replyVersions.
func (r reply) textOf(version string) (text string, ok bool) {
	for i, v := range replyVersions {
		if strings.HasPrefix(version, v+".") {
			return r.texts[i], true
		}
	}
	return "", false
}

// replies were recorded with user "u", vhost "v", queue "q", exchange "e" and routing key
// "k".
var replies = []reply{
	{"wrong password", 403, all("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."), transport.Refused, "check username and password"},
	{"vhost missing", 530, all("NOT_ALLOWED - vhost missing not found"), transport.Misconfigured, "create the vhost"},
	{"vhost forbidden", 530, all("NOT_ALLOWED - access to vhost '/' refused for user 'u'"), transport.Refused, "set_permissions"},
	{"vhost down", 541, all("INTERNAL_ERROR - access to vhost 'v' refused for user 'u': vhost 'v' is down"), transport.Retry, ""},
	{"connections of a vhost", 530, all("NOT_ALLOWED - access to vhost 'v' refused for user 'u': connection limit (0) is reached"), transport.Retry, "--connections"},
	{"connections of a user", 530, all("NOT_ALLOWED - connection refused for user 'u': user connection limit (0) is reached"), transport.Retry, "--connections"},
	{"connections of a node", 530, from40("NOT_ALLOWED - connection refused: node connection limit (0) is reached"), transport.Retry, "--connections"},
	{"channels of a user", 530, each(
		"NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of (0)",
		"NOT_ALLOWED - number of channels opened for user 'rabbit@127.0.0.1' has reached the maximum allowed user limit of (0)",
		"NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of 0",
	), transport.Retry, "--channels"},
	{"channels of a node", 530, each(
		"",
		"NOT_ALLOWED - number of channels opened on node 'rabbit@127.0.0.1' has reached the maximum allowed limit of (0)",
		"NOT_ALLOWED - number of channels opened on node 'rabbit@127.0.0.1' has reached the maximum allowed limit of 0",
	), transport.Retry, "--channels"},
	{"closed by an operator", 320, all("CONNECTION_FORCED - because"), transport.Retry, ""},
	{"broker stopped", 320, all("CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"), transport.Retry, ""},
	{"user deleted", 320, all("CONNECTION_FORCED - user 'u' is deleted"), transport.Retry, ""},
	{"vhost deleted", 320, all("CONNECTION_FORCED - vhost 'v' is …"), transport.Retry, ""}, // deleted or down
	{"bad frame", 501, all("FRAME_ERROR - type 65, all octets = <<>>: {frame_too_large,1342177289,131064}"), transport.Retry, ""},
	{"frame too large", 501, all("FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,2147483647,131064}"), transport.Retry, ""},
	{"queue missing", 404, all("NOT_FOUND - no queue 'q' in vhost 'v'"), transport.Misconfigured, "create it"},
	{"node of the queue stopped", 404, each(
		"NOT_FOUND - home node 'rabbit@127.0.0.3' of durable queue 'q' in vhost 'v' is down or inaccessible",
		"NOT_FOUND - queue 'q' in vhost 'v' process is stopped by supervisor",
		"NOT_FOUND - queue 'q' in vhost 'v' process is stopped by supervisor",
	), transport.Retry, "away"},
	{"queue crashed", 404, all("NOT_FOUND - queue 'q' in vhost 'v' has crashed and failed to restart"), transport.Retry, "crashed"},
	{"exchange missing", 404, all("NOT_FOUND - no exchange 'e' in vhost 'v'"), transport.Misconfigured, "create it"},
	{"exchange deleted", 404, all("NOT_FOUND - no exchange 'e' in vhost 'v'"), transport.Misconfigured, "create it"},
	{"default exchange by name", 404, all("NOT_FOUND - no exchange 'amq.default' in vhost 'v'"), transport.Misconfigured, "leave exchange empty"},
	{"queue declared otherwise", 406, all("PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'q' in vhost 'v': received 'true' but current is 'false'"), transport.Misconfigured, "declared with other options"},
	{"queue of another connection", 405, all("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost 'v'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration."), transport.Retry, ""},
	{"argument of the wrong type", 406, all("PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost 'v': \"expected integer, got longstr\""), transport.Misconfigured, "[rabbit_queue_options]"},
	{"argument out of range", 406, all("PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'q' in vhost 'v': {value_negative,-1}"), transport.Misconfigured, "[rabbit_queue_options]"},
	{"unknown queue type", 406, all("PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost 'v': \"unsupported queue type 'none'\""), transport.Misconfigured, "[rabbit_queue_options]"},
	{"quorum queue, not durable", 406, all("PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost 'v'"), transport.Misconfigured, "[rabbit_queue_options]"},
	{"deprecated argument", 541, each("", "", "INTERNAL_ERROR - Feature `queue_master_locator` is deprecated.\n…"), transport.Misconfigured, "[rabbit_queue_options]"},
	{"transient queue, denied", 541, from40("INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.\n…"), transport.Misconfigured, "[rabbit_queue_options]"},
	{"queues of a vhost", 406, all("PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost 'v' (0) is reached"), transport.Misconfigured, "set_vhost_limits"},
	{"queues of a cluster", 406, from40("PRECONDITION_FAILED - cannot declare queue 'q': queue limit in cluster (0) is reached"), transport.Misconfigured, "cluster_queue_limit"},
	{"reserved name", 403, all("ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'"), transport.Misconfigured, "no permission helps"},
	{"no permission to look up", 403, each("", "", "ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'u'"), transport.Refused, "set_permissions"},
	{"no permission to declare", 403, each(
		"ACCESS_REFUSED - access to queue 'q' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'u'",
	), transport.Refused, "set_permissions"},
	{"no permission to publish", 403, each(
		"ACCESS_REFUSED - access to exchange 'e' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - write access to exchange 'e' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - write access to exchange 'e' in vhost 'v' refused for user 'u'",
	), transport.Refused, "set_permissions"},
	{"no permission for the topic", 403, each(
		"ACCESS_REFUSED - access to topic 'k' in exchange 'e' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - write access to topic 'k' in exchange 'e' in vhost 'v' refused for user 'u'",
		"ACCESS_REFUSED - write access to topic 'k' in exchange 'e' in vhost 'v' refused for user 'u'",
	), transport.Refused, "set_topic_permissions"},
	{"internal exchange", 403, all("ACCESS_REFUSED - cannot publish to internal exchange 'e' in vhost 'v'"), transport.Misconfigured, "no permission helps"},
	{"message too large", 406, all("PRECONDITION_FAILED - message size 100 is larger than configured max size 50"), transport.TooLarge, "max_message_size"},
	{"immediate publishing", 540, all("NOT_IMPLEMENTED - immediate=true"), transport.Misconfigured, ""},
}

// imitations are replies about vhosts and queues whose names read like another reply.
var imitations = []reply{
	{"vhost down, named like a deprecated feature", 541, all("INTERNAL_ERROR - access to vhost 'Feature `x` is deprecated' refused for user 'u': vhost 'Feature `x` is deprecated' is down"), transport.Retry, ""},
	{"queue missing, named like one that is away", 404, all("NOT_FOUND - no queue 'home node down or inaccessible' in vhost 'v'"), transport.Misconfigured, "create it"},
	{"vhost missing, named like a limit", 530, all("NOT_ALLOWED - vhost limit (3) is reached not found"), transport.Misconfigured, "create the vhost"},
	{"vhost forbidden, named like a limit", 530, all("NOT_ALLOWED - access to vhost 'connection limit (3) is reached' refused for user 'u'"), transport.Refused, "set_permissions"},
}

// matches reports whether a broker's text is the recorded text.
func matches(text, recorded string) bool {
	beginning, cut := strings.CutSuffix(recorded, "…")
	return text == recorded || cut && strings.HasPrefix(text, beginning)
}

// TestClassifyReply checks verdict and remedy of each recorded reply.
func TestClassifyReply(t *testing.T) {
	for _, r := range append(replies, imitations...) {
		for _, text := range r.texts {
			if text == "" {
				continue
			}
			o := &Options{Username: "u", VHost: "v"}
			text, _ = strings.CutSuffix(text, "…")
			r.check(t, o.wrap("h:1", "do", &amqp091.Error{Code: r.code, Reason: text, Server: true}))
		}
	}
}

// check fails t unless err, made from the reply, has the verdict and the remedy.
func (r reply) check(t *testing.T, err *transport.Error) {
	t.Helper()
	if err.Verdict != r.verdict || !strings.Contains(err.Error(), r.remedy) {
		t.Errorf("%s: %v has the verdict %d, want %d and %q", r.action, err, err.Verdict, r.verdict, r.remedy)
	}
}

// TestReplies provokes each recorded reply from the installed RabbitMQ and compares the two.
// If the installed version is not recorded, it checks only verdict and remedy.
func TestReplies(t *testing.T) {
	n := rabbittest.Shared(t)
	version := rabbittest.Version(t)
	if len(provocations) != len(replies) {
		t.Errorf("%d replies are recorded, %d are provoked", len(replies), len(provocations))
	}
	for _, r := range replies {
		t.Run(r.action, func(t *testing.T) {
			n.AddVHost(t, "v")
			n.AddUser(t, "u", secret, "v", ".*", ".*", ".*")
			o := options(t, n, "v")
			o.Username, o.Password, o.Queue = "u", func() string { return secret }, "q"
			o.RetryTimeout, o.Attempts = time.Millisecond, 1
			err := provocations[r.action](t, n, o)
			text, recorded := r.textOf(version)
			e, refused := errors.AsType[*amqp091.Error](err)
			switch {
			case recorded && text == "" && err == nil, !recorded && !refused:
				return
			case !refused:
				t.Fatalf("RabbitMQ %s: got %v, want %d %q", version, err, r.code, text)
			}
			if recorded && (e.Code != r.code || !matches(e.Reason, text)) {
				t.Errorf("RabbitMQ %s: got %d %q, want %d %q", version, e.Code, e.Reason, r.code, text)
			}
			r.check(t, o.wrap(n.Addr(), "do", err))
		})
	}
}

func TestSizeLimit(t *testing.T) {
	f := func(reason string, want int) {
		t.Helper()
		got, ok := sizeLimit(&amqp091.Error{Code: 406, Reason: reason, Server: true})
		if got != want || ok != (want != 0) {
			t.Errorf("limit in %q is %d, %v", reason, got, ok)
		}
	}
	f("PRECONDITION_FAILED - message size 17 is larger than configured max size 16", 16)
	f("PRECONDITION_FAILED - message size 600000000 is larger than max size 536870912", 536870912)
	f("PRECONDITION_FAILED - inequivalent arg", 0)
}
