package httppost_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/httppost"
)

const (
	secret    = "p4ss:w/rd%" // a password or bearer token
	urlSecret = "s3cret"     // a secret in a URL
)

func reveal() string { return secret }

func answering(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func TestHTTPRedirectFaults(t *testing.T) {
	redirect := func(code int, to string) func(t *testing.T) (transport.Transport, error) {
		return func(t *testing.T) (transport.Transport, error) {
			s := answering(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					return // confirms: a client that follows such a redirect fails the test
				}
				w.Header().Set("Location", to)
				w.WriteHeader(code)
			})
			return newHTTP(t, httppost.Options{URL: s.URL + "/in", Token: reveal}), nil
		}
	}
	stranger := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("a request has come to the other host") })
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"another host": {
			Open:    redirect(http.StatusPermanentRedirect, strings.Replace(stranger.URL, "127.0.0.1", "localhost", 1)+"/in?token="+urlSecret),
			Verdict: transport.Misconfigured,
			Words:   []string{"308", "another host", "localhost", "[http]"}, Secrets: []string{urlSecret},
		},
		"another port": {
			Open: redirect(http.StatusPermanentRedirect, stranger.URL+"/in"), Verdict: transport.Misconfigured,
			Words: []string{"308", "another scheme or port", stranger.Listener.Addr().String()},
		},
		"drops the message": {
			Open: redirect(http.StatusFound, "/in"), Verdict: transport.Misconfigured, Words: []string{"302", "drops"},
		},
		"for ever": {
			Open: redirect(http.StatusTemporaryRedirect, "/in"), Verdict: transport.Misconfigured, Words: []string{"307", "again and again"},
		},
	})
}

func TestHTTPFaults(t *testing.T) {
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"nobody listens": {
			Open: func(t *testing.T) (transport.Transport, error) {
				port, err := testkit.FreePort()
				if err != nil {
					t.Fatal(err)
				}
				return newHTTP(t, httppost.Options{URL: fmt.Sprintf("http://127.0.0.1:%d", port), RetryTimeout: 200 * time.Millisecond}), nil
			},
			Verdict: transport.Retry, Words: []string{"connection refused", "check that the server runs"},
		},
		"the server says nothing": {
			Open: func(t *testing.T) (transport.Transport, error) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
				return newHTTP(t, httppost.Options{
					URL: "http://" + l.Addr().String(), Timeout: 200 * time.Millisecond, RetryTimeout: 300 * time.Millisecond,
				}), nil
			},
			Verdict: transport.Retry, Words: []string{"imeout"}, // "timeout" or "Timeout", by the timer that fires first
		},
		"the server hangs up": {
			Open: func(t *testing.T) (transport.Transport, error) {
				s := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
				return newHTTP(t, httppost.Options{URL: s.URL, RetryTimeout: 200 * time.Millisecond}), nil
			},
			Verdict: transport.Retry, Words: []string{"EOF"},
		},
		"a password in the URL": {
			Open: func(*testing.T) (transport.Transport, error) {
				_, err := httppost.New(httppost.Options{URL: "https://sensor:" + secret + "@host/"})
				return nil, err
			},
			Verdict: transport.Misconfigured, Words: []string{"without a user"}, Secrets: []string{secret},
		},
	})
}

func TestHTTPStatuses(t *testing.T) {
	faults := make(map[string]transporttest.Fault)
	for code, want := range map[int]struct {
		verdict transport.Verdict
		words   []string
	}{
		401: {transport.Refused, []string{"username, password or token"}},
		403: {transport.Refused, []string{"username, password or token"}},
		407: {transport.Refused, []string{"proxy"}},
		404: {transport.Misconfigured, []string{"url or path"}},
		405: {transport.Misconfigured, []string{"url or path"}},
		400: {transport.Misconfigured, nil},
		415: {transport.Misconfigured, []string{"compression"}},
		409: {transport.Retry, nil},
		425: {transport.Retry, nil},
		422: {transport.Misconfigured, nil},
		304: {transport.Misconfigured, nil},
		413: {transport.TooLarge, []string{"limit"}},
		408: {transport.Retry, nil},
		429: {transport.Retry, nil},
		500: {transport.Retry, nil},
		503: {transport.Retry, []string{"tried"}},
	} {
		faults["status "+strconv.Itoa(code)] = transporttest.Fault{
			Open: func(t *testing.T) (transport.Transport, error) {
				s := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
				return newHTTP(t, httppost.Options{
					URL: s.URL + "/in?token=" + urlSecret, Username: "sensor", Password: reveal, RetryTimeout: 200 * time.Millisecond,
				}), nil
			},
			Verdict: want.verdict, Words: append(want.words, strconv.Itoa(code)),
			Secrets: []string{secret, urlSecret},
		}
	}
	transporttest.RunFaults(t, faults)
}

// TestHTTPRetries: a message is sent again, with the same id, until it is confirmed, and
// not before the time in Retry-After.
func TestHTTPRetries(t *testing.T) {
	s := newServer(t)
	var keys []string
	var times []time.Time
	s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		times = append(times, time.Now())
		switch len(keys) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			return false
		}
		return true
	}
	s.Start()
	h := newHTTP(t, httppost.Options{URL: s.URL})
	m := transporttest.Message(directory, 7)
	mustSend(t, h, m)
	if want := slices.Repeat([]string{m.ID}, 4); !slices.Equal(keys, want) {
		t.Errorf("ids are %q, want %q", keys, want)
	}
	if waited := times[3].Sub(times[2]); waited < time.Second {
		t.Errorf("the next try came after %v, but Retry-After is a second", waited)
	}
	if got := s.received(t); len(got) != 1 || got[0] != string(m.Body) {
		t.Errorf("received %q", got)
	}
}

// TestHTTPAttempts: a message that always fails is posted Attempts times.
func TestHTTPAttempts(t *testing.T) {
	var count atomic.Int64
	s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		count.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	h := newHTTP(t, httppost.Options{URL: s.URL, Attempts: 3, RetryTimeout: 2 * time.Second})
	err := h.Send(t.Context(), transporttest.Message(directory, 1))
	if transport.VerdictOf(err) != transport.Retry || err == nil || count.Load() != 3 {
		t.Errorf("%d requests, want 3; error %v", count.Load(), err)
	}
}

// TestHTTPRetryAfterTooLong: a Retry-After of more seconds than RetryTimeout fails the
// message at once.
func TestHTTPRetryAfterTooLong(t *testing.T) {
	for _, after := range []string{"3600", "2147483647"} {
		var count atomic.Int64
		s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			count.Add(1)
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		began := time.Now()
		err := newHTTP(t, httppost.Options{URL: s.URL}).Send(t.Context(), transporttest.Message(directory, 1))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Retry-After %s: took %v", after, took)
		}
		if transport.VerdictOf(err) != transport.Retry || !strings.Contains(err.Error(), "429") || count.Load() != 1 {
			t.Errorf("Retry-After %s: %d requests, error %v", after, count.Load(), err)
		}
	}
}

func TestHTTPFollowsRedirectToSameHost(t *testing.T) {
	s := newServer(t)
	s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/in" {
			http.Redirect(w, r, "/in/", http.StatusPermanentRedirect)
			return true
		}
		return false
	}
	s.Start()
	m := transporttest.Message(directory, 7)
	mustSend(t, newHTTP(t, httppost.Options{URL: s.URL + "/in", Token: reveal}), m)
	if got := s.received(t); len(got) != 1 || got[0] != string(m.Body) {
		t.Errorf("received %q", got)
	}
	if got := s.requests[0].Header.Get("Authorization"); got != "Bearer "+secret {
		t.Errorf("authorization after the redirect is %q", got)
	}
}

func TestHTTPHeaders(t *testing.T) {
	s := newServer(t)
	s.Start()
	m := transporttest.Message(directory, 7)
	m.ID = "sensor ü/0/a\nb"
	mustSend(t, newHTTP(t, httppost.Options{URL: s.URL, Username: "sensor", Password: reveal, UserAgent: "tstat_send/1"}), m)
	mustSend(t, newHTTP(t, httppost.Options{URL: s.URL, Compression: "gzip"}), m)
	r := s.requests[0]
	if user, password, _ := r.BasicAuth(); user != "sensor" || password != secret {
		t.Errorf("basic authentication is %q, %q", user, password)
	}
	for key, want := range map[string]string{
		"Content-Type": "application/json", "Content-Encoding": "", "User-Agent": "tstat_send/1",
		"Idempotency-Key": "sensor%20%C3%BC%2F0%2Fa%0Ab",
	} {
		if got := r.Header.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if r := s.requests[1]; r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Authorization") != "" {
		t.Errorf("headers are %v", r.Header)
	}
}

func TestHTTPTLS(t *testing.T) {
	ca := rabbittest.NewCA(t)
	pair := func(ca *rabbittest.CA, options ...rabbittest.CertOption) tls.Certificate {
		c := ca.Issue(t, []string{"localhost"}, options...)
		p, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := newServer(t)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair(ca)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	s.StartTLS()
	plain := newServer(t)
	plain.Start()
	local := func(s *server) string {
		return "://localhost:" + strconv.Itoa(s.Listener.Addr().(*net.TCPAddr).Port)
	}
	good := func() *tls.Config {
		return &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{pair(ca, rabbittest.ForClient)}}
	}
	m := transporttest.Message(directory, 7)
	mustSend(t, newHTTP(t, httppost.Options{URL: "https" + local(s), TLS: good()}), m)
	if got := s.received(t); len(got) != 1 || got[0] != string(m.Body) {
		t.Errorf("received %q", got)
	}
	faults := make(map[string]transporttest.Fault)
	for name, c := range map[string]struct {
		url    string
		change func(*tls.Config)
		words  []string
	}{
		"unknown CA":          {"https" + local(s), func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, []string{"unknown authority", "ca_certs"}},
		"wrong name":          {"https" + local(s), func(c *tls.Config) { c.ServerName = "other.example.org" }, []string{"other.example.org", "server_hostname"}},
		"no certificate":      {"https" + local(s), func(c *tls.Config) { c.Certificates = nil }, []string{"certfile"}},
		"TLS to a plain port": {"https" + local(plain), func(*tls.Config) {}, []string{"does not speak TLS"}},
		"plain to a TLS port": {"http" + local(s), func(*tls.Config) {}, []string{"400"}},
	} {
		config := good()
		c.change(config)
		faults[name] = transporttest.Fault{
			Open: func(t *testing.T) (transport.Transport, error) {
				return newHTTP(t, httppost.Options{URL: c.url, TLS: config, RetryTimeout: 200 * time.Millisecond}), nil
			},
			Verdict: transport.Misconfigured, Words: c.words,
		}
	}
	transporttest.RunFaults(t, faults)
}

func TestHTTPCheck(t *testing.T) {
	for code, want := range map[int]struct {
		good    bool
		verdict transport.Verdict
	}{
		200: {good: true}, 204: {good: true}, 405: {good: true}, 400: {good: true}, 501: {good: true},
		401: {verdict: transport.Refused}, 403: {verdict: transport.Refused}, 404: {verdict: transport.Misconfigured},
		500: {verdict: transport.Retry}, 503: {verdict: transport.Retry},
	} {
		s := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				t.Error("--check has posted something")
			}
			if user, password, _ := r.BasicAuth(); user != "sensor" || password != secret {
				t.Errorf("basic authentication is %q, %q", user, password)
			}
			w.WriteHeader(code)
		})
		h := newHTTP(t, httppost.Options{URL: s.URL + "/?token=" + urlSecret, Username: "sensor", Password: reveal})
		findings := h.Check(t.Context())
		if len(findings) != 1 {
			t.Fatalf("findings are %v, want one", findings)
		}
		text, err := findings[0].Text, findings[0].Err
		if want.good != (err == nil) || want.good != strings.Contains(text, strconv.Itoa(code)) {
			t.Errorf("status %d: %q, %v", code, text, err)
		}
		if err != nil {
			text = err.Error()
		}
		if !want.good && (transport.VerdictOf(err) != want.verdict || !strings.Contains(text, strconv.Itoa(code))) {
			t.Errorf("status %d: verdict %d, error %v", code, transport.VerdictOf(err), err)
		}
		if strings.Contains(text, urlSecret) || strings.Contains(text, secret) {
			t.Errorf("%q holds a secret", text)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
