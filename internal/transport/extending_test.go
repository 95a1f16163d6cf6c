package transport_test

import (
	"bufio"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
)

// TestExtendingPage: docs/extending.md holds the source of the interface and the example.
func TestExtendingPage(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("../../docs/extending.md")
	source := read("transport.go")
	shown := map[string]string{"line_test.go": read("line_test.go")}
	for _, name := range []string{"Transport interface", "Finisher interface", "Message struct"} {
		at := strings.Index(source, "type "+name)
		shown[name] = source[at : at+strings.Index(source[at:], "\n}\n")+len("\n}\n")]
	}
	for name, text := range shown {
		if !strings.Contains(page, text) {
			t.Errorf("docs/extending.md does not show %s as it is:\n%s", name, text)
		}
	}
}

// collector is the server that the example sends to.
type collector struct {
	net.Listener
	answer string
	mu     sync.Mutex
	bodies []string
	conns  []net.Conn
	silent bool
	wg     sync.WaitGroup
}

func newCollector(t *testing.T, answer string) *collector {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{Listener: l, answer: answer}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns = append(c.conns, conn)
			c.mu.Unlock()
			c.wg.Go(func() { c.serve(t, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

func (c *collector) serve(t *testing.T, conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Errorf("line %.100q: %v", line, err)
			return
		}
		c.mu.Lock()
		silent := c.silent
		if !silent && c.answer == "ok" {
			c.bodies = append(c.bodies, strings.TrimSpace(line[len(quoted):]))
		}
		c.mu.Unlock()
		if silent {
			continue
		}
		if _, err := conn.Write([]byte(c.answer + "\n")); err != nil {
			return
		}
	}
}

func TestExample(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Subject {
		c := newCollector(t, "ok")
		return transporttest.Subject{
			Open: func(*testing.T) transport.Transport { return NewLine(c.Addr().String(), 10*time.Second) },
			Received: func(*testing.T) []string {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.bodies
			},
			Stall: func(*testing.T) {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.silent = true
			},
		}
	})
	to := func(answer string) func(t *testing.T) (transport.Transport, error) {
		return func(t *testing.T) (transport.Transport, error) {
			return NewLine(newCollector(t, answer).Addr().String(), time.Second), nil
		}
	}
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"denied":         {Open: to("denied"), Verdict: transport.Refused, Words: []string{"let this host in"}},
		"something else": {Open: to("220 smtp"), Verdict: transport.Misconfigured, Words: []string{"220 smtp", "port"}},
		"nobody listens": {
			Open: func(*testing.T) (transport.Transport, error) {
				port, err := testkit.FreePort()
				return NewLine(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second), err
			},
			Verdict: transport.Retry, Words: []string{"connection refused"},
		},
	})
}
