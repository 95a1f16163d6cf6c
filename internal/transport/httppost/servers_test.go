package httppost_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/httppost"
)

// rawServer hands each connection to serve once it has read a request.
func rawServer(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					serve(conn)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// says writes text and then stays silent until the client hangs up.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// hangsUp writes text and closes the connection.
func hangsUp(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// endless writes start and then repeats part until the client hangs up.
func endless(start, part string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, start)
		for err == nil {
			_, err = io.WriteString(c, part)
		}
	}
}

// drips writes start and then part every 20 ms until the client hangs up.
func drips(start, part string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, start)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for err == nil {
			<-tick.C
			_, err = io.WriteString(c, part)
		}
	}
}

// TestServers: every answer gets its verdict in bounded time, whatever its status,
// headers, body and pace.
func TestServers(t *testing.T) {
	const confirmed, retry, refused, misconfigured, tooLarge = "", "retry", "refused", "misconfigured", "too large"
	verdicts := map[transport.Verdict]string{
		transport.Retry: retry, transport.Refused: refused, transport.Misconfigured: misconfigured, transport.TooLarge: tooLarge,
	}
	type scenario struct {
		name  string
		serve func(net.Conn)
		want  string
	}
	scenarios := []scenario{
		{"101 and silence", says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), misconfigured},
		{"101 and an endless stream", endless("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "xxxx"), misconfigured},
		{"100 for ever", endless("", "HTTP/1.1 100 Continue\r\n\r\n"), retry},
		{"103 for ever, slowly", drips("", "HTTP/1.1 103 Early Hints\r\n\r\n"), retry},
		{"endless headers", endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("x", 1000)+"\r\n"), retry},
		{"one endless header", endless("HTTP/1.1 200 OK\r\nX-A: ", strings.Repeat("x", 1000)), retry},
		{"an endless status line", endless("HTTP/1.1 200 ", strings.Repeat("x", 1000)), retry},
		{"slow status line", drips("", "H"), retry},
		{"slow headers", drips("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), retry},
		{"slow body of 503", drips("HTTP/1.1 503 X\r\nContent-Length: 100000\r\n\r\n", "x"), retry},
		{"slow body of 200", drips("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x"), confirmed},
		{"silent body of 200", says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), confirmed},
		{"endless body of 200", endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 1000)), confirmed},
		{"endless body of 500", endless("HTTP/1.1 500 X\r\n\r\n", strings.Repeat("x", 1000)), retry},
		{"endless chunks", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nxxxx\r\n"), confirmed},
		{"broken chunks", hangsUp("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"), confirmed},
		{"short body", hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), confirmed},
		{"gzip that is none", hangsUp("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx"), confirmed},
		{"two lengths", hangsUp("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), retry},
		{"a negative length", hangsUp("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), retry},
		{"garbage", hangsUp("\x00\x01\x02\xff garbage\r\n\r\n"), retry},
		{"another protocol", says("220 mail.example.org ESMTP\r\n"), retry},
		{"nothing", hangsUp(""), retry},
		{"silence", says(""), retry},
		{"half a status line", hangsUp("HTTP/1.1 20"), retry},
		{"redirect without a target", hangsUp("HTTP/1.1 308 X\r\nContent-Length: 0\r\n\r\n"), misconfigured},
		{"redirect to garbage", hangsUp("HTTP/1.1 308 X\r\nLocation: http://%zz/?" + urlSecret + "\r\nContent-Length: 0\r\n\r\n"), misconfigured},
		{"redirect to itself", hangsUp("HTTP/1.1 307 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), misconfigured},
	}
	for _, after := range []string{
		"Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "0", "-1", "2147483647", "99999999999999999999", "soon",
	} {
		scenarios = append(scenarios, scenario{"Retry-After: " + after,
			hangsUp("HTTP/1.1 503 X\r\nRetry-After: " + after + "\r\nContent-Length: 0\r\n\r\n"), retry})
	}
	for code, want := range map[int]string{
		200: confirmed, 201: confirmed, 202: confirmed, 204: confirmed, 299: confirmed,
		300: misconfigured, 304: misconfigured, 400: misconfigured, 401: refused, 403: refused, 404: misconfigured,
		407: refused, 408: retry, 409: retry, 410: misconfigured, 413: tooLarge, 415: misconfigured, 425: retry,
		429: retry, 500: retry, 502: retry, 504: retry, 599: retry, 999: retry,
	} {
		scenarios = append(scenarios, scenario{fmt.Sprint("status ", code),
			hangsUp(fmt.Sprintf("HTTP/1.1 %d X\r\nConnection: close\r\n\r\n", code)), want})
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := newHTTP(t, httppost.Options{
				URL:     "http://" + rawServer(t, s.serve) + "/?token=" + urlSecret,
				Timeout: 300 * time.Millisecond, RetryTimeout: 200 * time.Millisecond,
			})
			began := time.Now()
			err := h.Send(t.Context(), transporttest.Message(directory, 1))
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			got := confirmed
			if err != nil {
				got = verdicts[transport.VerdictOf(err)]
				if strings.Contains(err.Error(), urlSecret) {
					t.Errorf("error %q shows the token", err)
				}
			}
			if got != s.want {
				t.Errorf("verdict %q (%v), want %q", got, err, s.want)
			}
			if err := h.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRetryAfterPast: the transport's own backoff applies if Retry-After is 0, or a date
// that is past or too far ahead. Otherwise all tries would be used up in milliseconds, or
// the message would fail at once.
func TestRetryAfterPast(t *testing.T) {
	for _, after := range []string{"0", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		n := 0
		var last time.Time
		s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n < 4 {
				if waited := time.Since(last); n > 1 && waited < 5*time.Millisecond {
					t.Errorf("Retry-After %s: the next try came after %v", after, waited)
				}
				last = time.Now()
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		mustSend(t, newHTTP(t, httppost.Options{URL: s.URL}), transporttest.Message(directory, 1))
		if n != 4 {
			t.Errorf("Retry-After %s: %d requests, want 4", after, n)
		}
	}
}

func TestMalformedProxy(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://user:"+urlSecret+"@[::1:8080")
	_, err := httppost.New(httppost.Options{URL: "https://collector.example.org/"})
	if transport.VerdictOf(err) != transport.Misconfigured || !strings.Contains(fmt.Sprint(err), "HTTPS_PROXY") {
		t.Errorf("error is %v", err)
	}
	if strings.Contains(fmt.Sprint(err), urlSecret) {
		t.Errorf("error %q shows the password", err)
	}
}

func TestProxyRefuses(t *testing.T) {
	for _, c := range []struct{ scheme, status string }{{"https", "407"}, {"https", "403"}, {"http", "407"}} {
		proxy := rawServer(t, hangsUp("HTTP/1.1 "+c.status+" X\r\nContent-Length: 0\r\n\r\n"))
		sendThroughProxy(t, c.scheme, proxy, "the proxy "+proxy+" answered "+c.status)
	}
}

// TestServerBehindProxyRefuses: an answer that comes through a tunnel is the server's.
func TestServerBehindProxyRefuses(t *testing.T) {
	ca := rabbittest.NewCA(t)
	c := ca.Issue(t, []string{"collector.example.org"})
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	proxy := rawServer(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}})
		if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
			_, _ = io.WriteString(server, "HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n")
		}
	})
	sendThroughProxy(t, "https", proxy, "the server answered 407", "SSL_CERT_FILE="+ca.CAFile)
}

// childURL names the server to which a child of sendThroughProxy sends.
const childURL = "TRANSPORT_TEST_URL"

// TestMain runs the tests, or is a child of sendThroughProxy: it sends a message and prints
// the error.
func TestMain(m *testing.M) {
	url := os.Getenv(childURL)
	if url == "" {
		os.Exit(m.Run())
	}
	h, err := httppost.New(httppost.Options{URL: url})
	if err == nil {
		err = h.Send(context.Background(), transporttest.Message(directory, 1))
	}
	fmt.Printf("refused: %v, error: %v", transport.VerdictOf(err) == transport.Refused, err)
}

// sendThroughProxy sends a message in a process of its own, since net/http reads the
// proxy's address from the environment only once in a process. The error must have the
// verdict Refused and say wantError.
func sendThroughProxy(t *testing.T, scheme, proxy, wantError string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), strings.ToUpper(scheme)+"_PROXY=http://user:"+urlSecret+"@"+proxy,
		childURL+"="+scheme+"://collector.example.org/")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil || !strings.HasPrefix(text, "refused: true") || !strings.Contains(text, wantError) || strings.Contains(text, urlSecret) {
		t.Errorf("%s: %v: %s: want a refusal that says %q without the password", scheme, err, text, wantError)
	}
}

// TestSlowBody: an answer of 2xx confirms the message within seconds, however slowly
// its body comes.
func TestSlowBody(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"slow":   drips("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x"),
		"silent": says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHTTP(t, httppost.Options{URL: "http://" + rawServer(t, serve), Timeout: time.Minute})
			began := time.Now()
			mustSend(t, h, transporttest.Message(directory, 1))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
