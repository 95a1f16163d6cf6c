package amqp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// textError is an error that wraps err and has its own text.
type textError struct {
	text string
	err  error
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.err }

// sizeRefused is the broker's refusal of a message for its size.
type sizeRefused struct {
	limit int // the broker's limit of a body in bytes
	err   error
}

func (e *sizeRefused) Error() string { return e.err.Error() }
func (e *sizeRefused) Unwrap() error { return e.err }

// noAnswer is the cause for aborting a connection on which the broker has not answered
// in time.
type noAnswer struct{ timeout time.Duration }

func (e *noAnswer) Error() string { return fmt.Sprintf("no answer within %v", e.timeout) }

// wrap adds a verdict to err, and a text that names host, action, cause and remedy.
// doing is the action that failed ("log in as ..."). If err is a *transport.Error, wrap
// adds nothing and returns err.
func (o *Options) wrap(host, doing string, err error) *transport.Error {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e
	}
	verdict, remedy := o.classify(err)
	text := fmt.Sprintf("rabbitmq %s: %s: %s", host, doing, causeText(err))
	if remedy != "" {
		text += ": " + remedy
	}
	return &transport.Error{Verdict: verdict, Err: &textError{text, err}}
}

// causeText returns the broker's or the library's text of err.
func causeText(err error) string {
	e, ok := errors.AsType[*amqp091.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Server:
		return fmt.Sprintf("%s (%d)", e.Reason, e.Code)
	case e.Reason == io.EOF.Error():
		return "the peer closed the connection"
	default:
		return e.Reason
	}
}

// classify returns what err means for the run and what to do about it.
func (o *Options) classify(err error) (transport.Verdict, string) {
	if e, ok := errors.AsType[*amqp091.Error](err); ok {
		if e.Server {
			return o.classifyReply(e)
		}
		return o.classifyLocal(e)
	}
	if remedy, ok := tlsRemedy(err); ok {
		return transport.Misconfigured, remedy
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok && d.IsNotFound {
		return transport.Retry, "check host in the configuration, and the name service"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return transport.Retry, "check that the broker runs, host and port in the configuration, and firewalls"
	}
	return transport.Retry, ""
}

// The forms of the broker's replies. Several causes share a reply code, and the
// texts differ between RabbitMQ 3.10, 4.0 and 4.3. The expressions are anchored:
// a vhost, a user or a queue may have any name, also one that reads like a reply.
var (
	connectionLimitReached = regexp.MustCompile(`^NOT_ALLOWED - (?s:.*)connection limit \(\d+\) is reached$`)
	channelLimitReached    = regexp.MustCompile(`^NOT_ALLOWED - number of channels opened (?s:.*)has reached the (?:maximum allowed (?:\w+ )?limit of|negotiated channel_max) \(?\d+\)?$`)
	queueLimitReached      = regexp.MustCompile(`^PRECONDITION_FAILED - cannot declare queue '(?s:.*)limit (?s:.*)is reached$`)
	loginRefused           = regexp.MustCompile(`^ACCESS_REFUSED - Login was refused`)
	vhostMissing           = regexp.MustCompile(`^NOT_ALLOWED - vhost (?s:.*) not found$`)
	vhostRefused           = regexp.MustCompile(`^NOT_ALLOWED - access to vhost '(?s:.*)' refused for user '(?s:.*)'$`)
	topicRefused           = regexp.MustCompile(`^ACCESS_REFUSED - (?:\w+ )?access to topic '`)
	internalExchange       = regexp.MustCompile(`^ACCESS_REFUSED - cannot publish to internal exchange '`)
	reservedName           = regexp.MustCompile(`^ACCESS_REFUSED - (?:queue|exchange) name '(?s:.*)' contains reserved prefix 'amq\.\*'$`)
	deprecated             = regexp.MustCompile(`^INTERNAL_ERROR - Feature \S+ is deprecated`)
	defaultExchange        = regexp.MustCompile(`^NOT_FOUND - no exchange 'amq\.default' in vhost '`)
	queueAway              = regexp.MustCompile(`^NOT_FOUND - (?:home node '|queue '(?s:.*)' in vhost '(?s:.*)' (?:process is stopped|has crashed and failed to restart$)|(?s:.*)' is down or inaccessible$)`)
	sizeRefusal            = regexp.MustCompile(`^PRECONDITION_FAILED - message size \d+ is larger than (?:configured )?max size (\d+)$`)
)

// hasReply reports whether err, or one of the errors that err joins, is a reply of the
// broker of the given form.
func hasReply(err error, form *regexp.Regexp) bool {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return hasReply(err, form) })
	}
	e, ok := errors.AsType[*amqp091.Error](err)
	return ok && e.Server && form.MatchString(e.Reason)
}

// classifyReply classifies an exception with which the broker closed a
// connection or a channel.
func (o *Options) classifyReply(e *amqp091.Error) (transport.Verdict, string) {
	is := func(form *regexp.Regexp) bool { return form.MatchString(e.Reason) }
	switch e.Code {
	case amqp091.AccessRefused:
		switch {
		case is(loginRefused):
			return transport.Refused, "check username and password (a user guest may only log in from the broker's own host)"
		case is(topicRefused):
			return transport.Refused, fmt.Sprintf("give user %q the permission for routing key %q (rabbitmqctl set_topic_permissions -p %q)",
				o.Username, o.RoutingKey, o.VHost)
		case is(internalExchange):
			return transport.Misconfigured, "no permission helps: clients cannot publish to an internal exchange: correct exchange in the configuration"
		case is(reservedName):
			return transport.Misconfigured, "no permission helps: names that begin with amq. are the broker's own: correct the name in the configuration"
		}
		return transport.Refused, fmt.Sprintf("give user %q the permission (rabbitmqctl set_permissions -p %q)", o.Username, o.VHost)
	case amqp091.NotFound:
		switch {
		case is(queueAway):
			return transport.Retry, "the node that holds the queue is away, or the queue has crashed"
		case is(defaultExchange):
			return transport.Misconfigured, "the default exchange has no name: leave exchange empty in the configuration"
		}
		return transport.Misconfigured, "create it, or correct its name in the configuration"
	case amqp091.PreconditionFailed:
		switch {
		case is(sizeRefusal):
			return transport.TooLarge, "raise max_message_size of the broker"
		case is(queueLimitReached):
			return transport.Misconfigured, fmt.Sprintf("delete queues, or raise the limit of queues (rabbitmqctl set_vhost_limits -p %q; cluster_queue_limit)", o.VHost)
		}
		return transport.Misconfigured, "correct [rabbit_queue_options], or delete the queue that was declared with other options"
	case amqp091.NotAllowed:
		switch {
		case is(connectionLimitReached):
			return transport.Retry, "close other connections, raise the limit, or use fewer --connections"
		case is(channelLimitReached):
			return transport.Retry, "close other channels, raise the limit, or use fewer --channels"
		case is(vhostMissing):
			return transport.Misconfigured, "create the vhost, or correct vhost in the configuration"
		case is(vhostRefused):
			return transport.Refused, fmt.Sprintf("give user %q access to vhost %q (rabbitmqctl set_permissions)", o.Username, o.VHost)
		}
		return transport.Misconfigured, ""
	case amqp091.NotImplemented:
		return transport.Misconfigured, ""
	case amqp091.InternalError:
		if is(deprecated) {
			return transport.Misconfigured, "correct [rabbit_queue_options]: the broker does not allow what they ask for"
		}
	}
	return transport.Retry, ""
}

// classifyLocal classifies an error that the library itself has found. The library
// keeps only the text of the cause.
func (o *Options) classifyLocal(e *amqp091.Error) (transport.Verdict, string) {
	has := func(s string) bool { return strings.Contains(e.Reason, s) }
	switch {
	case has("i/o timeout"): // of reading: the library's heartbeat
		return transport.Retry, fmt.Sprintf("the broker sent nothing, with a heartbeat of %v: the broker or the network hangs", o.Heartbeat)
	case has("remote error: tls:"): // with TLS 1.3 the broker refuses a certificate after the handshake
		remedy, _ := tlsRemedy(&net.OpError{Op: transport.TLSAlert})
		return transport.Misconfigured, remedy
	case e.Code == amqp091.ErrChannelMax.Code && e.Reason == amqp091.ErrChannelMax.Reason:
		return transport.Misconfigured, fmt.Sprintf("the broker allows fewer than %d channels on a connection: use fewer channels, or raise channel_max of the broker", o.Channels)
	case e.Code == amqp091.ErrSASL.Code && e.Reason == amqp091.ErrSASL.Reason:
		return transport.Misconfigured, "make the broker allow logging in by PLAIN (auth_mechanisms)"
	case e.Code == amqp091.ErrCredentials.Code && e.Reason == amqp091.ErrCredentials.Reason:
		return transport.Retry, "the broker may also have closed the connection because it is shutting down"
	}
	return transport.Retry, ""
}

// tlsRemedy returns what to do about an error of the TLS handshake; ok is false
// for every other error.
func tlsRemedy(err error) (remedy string, ok bool) {
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(e.RecordHeader[:]) == httpAnswer {
			return "an HTTP server answers on this port: correct host and port in the configuration", true
		}
		return "the port does not speak TLS: use the TLS port, or set use_ssl = False", true
	}
	return transport.TLSRemedy(err, "broker")
}

// sizeLimit returns the limit from the broker's refusal of a message for its size.
func sizeLimit(e *amqp091.Error) (int, bool) {
	if e.Code != amqp091.PreconditionFailed {
		return 0, false
	}
	m := sizeRefusal.FindStringSubmatch(e.Reason)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// retryf returns an error with the verdict Retry.
func retryf(format string, args ...any) *transport.Error {
	return &transport.Error{Verdict: transport.Retry, Err: fmt.Errorf(format, args...)}
}

// joinErrors joins the errors of several hosts or addresses into one error with the most
// severe verdict.
func joinErrors(errs []*transport.Error) *transport.Error {
	if len(errs) == 1 {
		return errs[0]
	}
	joined := &transport.Error{Verdict: transport.Retry}
	all := make([]error, len(errs))
	texts := make([]string, len(errs))
	for i, e := range errs {
		joined.Verdict = max(joined.Verdict, e.Verdict)
		all[i], texts[i] = e, e.Error()
	}
	joined.Err = &textError{strings.Join(texts, "; "), errors.Join(all...)}
	return joined
}
