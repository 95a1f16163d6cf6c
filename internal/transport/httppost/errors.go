package httppost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tstat-transport/internal/transport"
)

// redirectError is a redirect that is not followed.
type redirectError struct {
	code   int
	target string // where to, and why the redirect is not followed
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("the server redirects (%d) %s", e.code, e.target)
}

// classifyAnswer returns the error that an answer means; nil is a confirmation. For
// plain http, the answer may be the proxy's instead of the server's.
func classifyAnswer(resp *http.Response) *transport.Error {
	if resp.StatusCode == http.StatusProxyAuthRequired && resp.Request.URL.Scheme == "http" {
		if proxy, err := http.ProxyFromEnvironment(resp.Request); err == nil && proxy != nil {
			return &transport.Error{Verdict: transport.Refused, Err: fmt.Errorf(
				"the proxy %s answered %d %s: check HTTP_PROXY in the environment, and what the proxy allows",
				proxy.Host, resp.StatusCode, http.StatusText(resp.StatusCode))}
		}
	}
	return classifyStatus(resp.StatusCode)
}

// classifyStatus returns the error that the status of an answer means; nil is a
// confirmation.
func classifyStatus(code int) *transport.Error {
	answered := func(verdict transport.Verdict, remedy string) *transport.Error {
		return &transport.Error{Verdict: verdict, Err: fmt.Errorf("the server answered %d %s%s", code, http.StatusText(code), remedy)}
	}
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return answered(transport.Refused, ": check username, password or token in [http], and the permissions of that user")
	case code == http.StatusProxyAuthRequired:
		return answered(transport.Refused, ": a proxy that the environment does not name asks for credentials: name it with the credentials in HTTPS_PROXY or HTTP_PROXY")
	case code == http.StatusRequestEntityTooLarge:
		return answered(transport.TooLarge, ": raise the server's limit of the request body")
	case code == http.StatusRequestTimeout, code == http.StatusConflict,
		code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return answered(transport.Retry, "")
	case code == http.StatusUnsupportedMediaType:
		return answered(transport.Misconfigured, ": if the server does not decompress, leave compression in [http] empty")
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return answered(transport.Misconfigured, ": correct url or path in [http]")
	}
	return answered(transport.Misconfigured, ": the server does not take such messages there: correct url in [http], or the server")
}

// classifyConnect returns the error that a proxy's answer to CONNECT means; nil if the
// connection is established.
func classifyConnect(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	err := fmt.Errorf("the proxy %s answered %d %s to CONNECT", proxy.Host, resp.StatusCode, http.StatusText(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired, http.StatusForbidden:
		return &transport.Error{Verdict: transport.Refused,
			Err: fmt.Errorf("%w: check HTTPS_PROXY in the environment, and what the proxy allows", err)}
	}
	return &transport.Error{Verdict: transport.Retry, Err: err}
}

// classifyError returns the error of a request without an answer, with its verdict and
// remedy. The text does not show the request's URL, which may hold secrets.
func classifyError(err error) *transport.Error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*redirectError](err); ok {
		return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf("%w: if that address is right, set url in [http] to it", e)}
	}
	if e, ok := errors.AsType[*transport.Error](err); ok { // from classifyConnect or request
		return e
	}
	if remedy, ok := tlsRemedy(err); ok {
		return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf("start TLS: %w: %s", err, remedy)}
	}
	// net/http has no type for this error, whose text shows the address.
	if strings.HasPrefix(err.Error(), "failed to parse Location header") {
		return &transport.Error{Verdict: transport.Misconfigured,
			Err: errors.New("the server redirects to an invalid address: correct url in [http], or the server")}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return &transport.Error{Verdict: transport.Retry, Err: fmt.Errorf("%w: check url in [http], and the name service", err)}
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return &transport.Error{Verdict: transport.Retry, Err: fmt.Errorf("%w: check that the server runs, url in [http], and firewalls", err)}
	}
	return &transport.Error{Verdict: transport.Retry, Err: err}
}

// tlsRemedy returns what to do about an error of the TLS handshake; ok is false if no
// remedy is known.
func tlsRemedy(err error) (remedy string, ok bool) {
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	if plain || errors.Is(err, http.ErrSchemeMismatch) {
		return "the port does not speak TLS: use the server's TLS port, or an http address", true
	}
	return transport.TLSRemedy(err, "server")
}
