package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// fault is a failure in words of ours, with the error behind it.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.err }

// tooLarge is the broker's refusal of a message for its size.
type tooLarge struct {
	limit int // bytes of body that the broker takes
	err   error
}

func (t *tooLarge) Error() string { return t.err.Error() }
func (t *tooLarge) Unwrap() error { return t.err }

// explain says what err means that came up at doing something ("log in as
// ...") with host: which kind of failure it is, in a text that names both, the
// cause and the remedy. An error that has been explained stays as it is.
func (o *Options) explain(host, doing string, err error) *transport.Error {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e
	}
	kind, remedy := o.judge(err)
	text := fmt.Sprintf("rabbitmq %s: %s: %s", host, doing, reason(err))
	if remedy != "" {
		text += ": " + remedy
	}
	return &transport.Error{Verdict: kind, Err: &fault{text, err}}
}

// reason is err as the broker, or the library, worded it.
func reason(err error) string {
	e, ok := errors.AsType[*amqp.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Server:
		return fmt.Sprintf("%s (%d)", e.Reason, e.Code)
	case e.Reason == io.EOF.Error():
		return "the connection was closed by the other side"
	default:
		return e.Reason
	}
}

// judge gives the kind of err and what to do about it.
func (o *Options) judge(err error) (transport.Verdict, string) {
	if e, ok := errors.AsType[*amqp.Error](err); ok {
		if e.Server {
			return o.judgeReply(e)
		}
		return o.judgeLocal(e)
	}
	if kind, remedy, ok := judgeTLS(err); ok {
		return kind, remedy
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok && d.IsNotFound {
		return transport.Retry, "check host in the configuration, and the name service"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return transport.Retry, "check that the broker runs there, host and port in the configuration, and firewalls"
	}
	return transport.Retry, ""
}

// judgeReply judges a connection or channel exception of the broker. The codes
// are those of AMQP 0-9-1; the texts tell apart what shares one, and were read
// off RabbitMQ 3.10.
func (o *Options) judgeReply(e *amqp.Error) (transport.Verdict, string) {
	has := func(s string) bool { return strings.Contains(e.Reason, s) }
	switch e.Code {
	case amqp.AccessRefused:
		if loginRefused(e) {
			return transport.Refused, "check username and password (a user guest may only log in from the broker's own host)"
		}
		return transport.Refused, fmt.Sprintf("give user %q the permission (rabbitmqctl set_permissions -p %q)", o.Username, o.VHost)
	case amqp.NotFound:
		if has("home node") || has("down or inaccessible") || has("process is stopped") {
			return transport.Retry, "the node that holds it is away"
		}
		return transport.Misconfigured, "create it, or correct its name in the configuration"
	case amqp.PreconditionFailed:
		return transport.Misconfigured, "correct [rabbit_queue_options], or delete what is declared otherwise"
	case amqp.NotAllowed:
		switch {
		case limitReached.MatchString(e.Reason):
			return transport.Retry, "close other connections, raise the limit, or use fewer connections"
		case has("not found"):
			return transport.Misconfigured, "create the vhost, or correct vhost in the configuration"
		case has("refused for user"):
			return transport.Refused, fmt.Sprintf("give user %q access to vhost %q (rabbitmqctl set_permissions)", o.Username, o.VHost)
		}
		return transport.Misconfigured, ""
	case amqp.NotImplemented:
		return transport.Misconfigured, ""
	}
	return transport.Retry, ""
}

// judgeLocal judges what the library itself found wrong with a connection. It
// keeps no more of the cause than its text.
func (o *Options) judgeLocal(e *amqp.Error) (transport.Verdict, string) {
	has := func(s string) bool { return strings.Contains(e.Reason, s) }
	switch {
	case has("i/o timeout"): // of reading: the library's heartbeat
		return transport.Retry, fmt.Sprintf("nothing was heard from the broker, with a heartbeat of %v: it, or the network to it, stands still", o.Heartbeat)
	case has("remote error: tls:"): // with TLS 1.3 the broker's verdict comes after the handshake
		_, remedy, _ := judgeTLS(&net.OpError{Op: remoteError})
		return transport.Misconfigured, remedy
	case e.Code == amqp.ErrChannelMax.Code && e.Reason == amqp.ErrChannelMax.Reason:
		return transport.Misconfigured, fmt.Sprintf("the broker allows fewer than %d channels on a connection: use fewer channels, or raise channel_max there", o.Channels)
	case e.Code == amqp.ErrSASL.Code && e.Reason == amqp.ErrSASL.Reason:
		return transport.Misconfigured, "the broker has to allow logging in by PLAIN (auth_mechanisms)"
	case e.Code == amqp.ErrCredentials.Code && e.Reason == amqp.ErrCredentials.Reason:
		return transport.Retry, "or the broker closed the connection without a word, as it does when it is going down"
	case o.TLS == nil && (e.Reason == amqp.ErrFrame.Error() || e.Reason == amqp.ErrFrameTooLarge.Error()):
		return transport.Misconfigured, "this is not the plain AMQP port: if it is the TLS port, set use_ssl = True"
	}
	return transport.Retry, ""
}

const remoteError = "remote error" // crypto/tls's Op for an alert of the other side

// judgeTLS judges errors of the TLS handshake; ok is false for any other.
func judgeTLS(err error) (kind transport.Verdict, remedy string, ok bool) {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return transport.Misconfigured, "the port does not speak TLS: use the TLS port, or set use_ssl = False", true
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == remoteError {
		return transport.Misconfigured, "the broker does not accept this side's TLS: check certfile, keyfile and ciphers in [ssl_options]", true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return transport.Misconfigured, "name the authority that signed the broker's certificate in ca_certs in [ssl_options]", true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return transport.Misconfigured, "connect by a name that the certificate holds, or set server_hostname in [ssl_options]", true
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return transport.Misconfigured, "renew the broker's certificate, and check the clocks", true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return transport.Misconfigured, "check the broker's certificate and ca_certs in [ssl_options]", true
	}
	return transport.Retry, "", false
}

// loginRefused says whether the broker itself has refused the credentials.
func loginRefused(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Server && e.Code == amqp.AccessRefused && strings.Contains(e.Reason, "Login was refused")
}

// limitReached tells a limit (of connections or channels, of a user, a vhost or
// a node) from a vhost or a user that may have any name.
var limitReached = regexp.MustCompile(`limit \(\d+\) is reached|has reached the (?:maximum allowed|negotiated)`)

var sizeRefusal = regexp.MustCompile(`message size \d+ is larger than (?:configured )?max size (\d+)`)

// sizeLimit reads the limit off the broker's refusal of a message for its size.
func sizeLimit(e *amqp.Error) (int, bool) {
	if e.Code != amqp.PreconditionFailed {
		return 0, false
	}
	m := sizeRefusal.FindStringSubmatch(e.Reason)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// retryf makes an error of kind Retry.
func retryf(format string, args ...any) *transport.Error {
	return &transport.Error{Verdict: transport.Retry, Err: fmt.Errorf(format, args...)}
}

// interrupted is the error of a message that was not settled when ctx ended.
func interrupted(ctx context.Context, id string) error {
	return retryf("rabbitmq: message %s was not confirmed before the run was stopped: %w", id, context.Cause(ctx))
}

// worst joins the errors of several hosts into one of the gravest kind.
func worst(errs []*transport.Error) *transport.Error {
	if len(errs) == 1 {
		return errs[0]
	}
	w := &transport.Error{Verdict: transport.Retry}
	all := make([]error, len(errs))
	texts := make([]string, len(errs))
	for i, e := range errs {
		w.Verdict = max(w.Verdict, e.Verdict)
		all[i], texts[i] = e, e.Error()
	}
	w.Err = &fault{strings.Join(texts, "; "), errors.Join(all...)}
	return w
}
