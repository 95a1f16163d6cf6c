// Package httppost is the transport that posts messages to an HTTP server.
package httppost

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tstat-transport/internal/transport"
)

// Options configure a Transport. A zero field has the default at the end of its
// comment.
type Options struct {
	// URL is an http or https address, without a user.
	URL string
	// Username and Password are for basic authentication. Password and Token
	// are called for each request; nil means empty.
	Username string
	Password func() string
	// Token is sent as a bearer token if Username is empty.
	Token func() string
	// TLS is for https; nil means Go's defaults. It is cloned.
	TLS *tls.Config
	// Compression of the bodies: "" or "gzip".
	Compression string
	// IdleConns is how many idle connections stay open, best as many as Sends run at a
	// time; 32.
	IdleConns int
	// UserAgent names the program to the server; "tstat_send".
	UserAgent string

	Timeout      time.Duration // of one request; 30 s
	Attempts     int           // times that a message is posted, at most; 10
	RetryTimeout time.Duration // from a message's first failure to the start of its last try, at most; 60 s
	Backoff      time.Duration // the first wait before another try is Backoff/2 to Backoff, at random; 200 ms
	MaxBackoff   time.Duration // the longest wait, unless the server asks for more; 5 s

	// Log takes repeated tries at level debug. Nil means none.
	Log *slog.Logger
}

// Transport is a transport that posts each message; an answer of 2xx confirms it.
type Transport struct {
	o          Options
	name       string // the URL without secrets, for errors
	client     *http.Client
	compressor *transport.Compressor
}

// maxRedirects is how many redirects a request follows.
const maxRedirects = 3

// New returns a transport, which connects at the first Send. Its error is a
// *transport.Error.
func New(o Options) (*Transport, error) {
	setDefaults(&o)
	misconfigured := func(err error) error {
		return &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf("http: %w", err)}
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		// The error does not show the URL, which may contain a password.
		return nil, misconfigured(errors.New("url must look like https://host:port/path, without a user"))
	}
	if o.Compression == "zstd" {
		return nil, misconfigured(errors.New("compression zstd is not supported over http: leave it empty or give gzip"))
	}
	h := &Transport{o: o, name: withoutSecrets(u)}
	if h.compressor, err = transport.NewCompressor(o.Compression); err != nil {
		return nil, misconfigured(err)
	}
	if err := checkProxy(u.Scheme); err != nil {
		return nil, misconfigured(err)
	}
	h.client = &http.Client{Transport: newRoundTripper(o), Timeout: o.Timeout, CheckRedirect: checkRedirect}
	return h, nil
}

func newRoundTripper(o Options) *http.Transport {
	// With HTTP/1, no two requests share a connection at the same time, so a connection
	// closes when the context of the request that uses it ends.
	onlyHTTP1 := new(http.Protocols)
	onlyHTTP1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		TLSClientConfig:       o.TLS.Clone(),
		Protocols:             onlyHTTP1,
		MaxIdleConnsPerHost:   o.IdleConns,
		IdleConnTimeout:       time.Minute,
		ResponseHeaderTimeout: o.Timeout,
		// The default is 10 MB for each connection, which may add up to a gigabyte.
		MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: classifyConnect,
	}
}

func setDefaults(o *Options) {
	empty := func() string { return "" }
	if o.Password == nil {
		o.Password = empty
	}
	if o.Token == nil {
		o.Token = empty
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.IdleConns = cmp.Or(o.IdleConns, 32)
	o.UserAgent = cmp.Or(o.UserAgent, "tstat_send")
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Attempts = cmp.Or(o.Attempts, 10)
	o.RetryTimeout = cmp.Or(o.RetryTimeout, time.Minute)
	o.Backoff = cmp.Or(o.Backoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 5*time.Second)
}

// checkRedirect returns nil if a redirect keeps scheme, host and port, and keeps the POST
// with its body (307 and 308). After 301, 302 and 303 net/http sends a GET, whose
// success says nothing about the message.
func checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0]
	switch {
	case next.Method != first.Method:
		return &redirectError{next.Response.StatusCode, "to " + withoutSecrets(next.URL) + ", which drops the message"}
	case next.URL.Hostname() != first.URL.Hostname():
		return &redirectError{next.Response.StatusCode, "to another host, " + withoutSecrets(next.URL)}
	case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
		return &redirectError{next.Response.StatusCode, "to another scheme or port, " + withoutSecrets(next.URL)}
	case len(before) > maxRedirects:
		return &redirectError{next.Response.StatusCode, "again and again, last to " + withoutSecrets(next.URL)}
	}
	return nil
}

// withoutSecrets returns the URL as errors may show it: without user and query.
func withoutSecrets(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// checkProxy returns an error if the proxy variable for scheme is malformed.
// net/http would ignore it and connect without the proxy.
func checkProxy(scheme string) error {
	name := strings.ToUpper(scheme) + "_PROXY"
	value := os.Getenv(name)
	if value == "" {
		name = strings.ToLower(name)
		value = os.Getenv(name)
	}
	if value == "" {
		return nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	// The error does not show the value, which may contain a password.
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return fmt.Errorf("the proxy in the environment variable %s is not an address such as http://host:port", name)
	}
	return nil
}

// Close ends the connections.
func (h *Transport) Close(context.Context) error {
	h.client.CloseIdleConnections()
	return nil
}
