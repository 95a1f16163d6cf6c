package faultproxy

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tstat-transport/internal/test/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a server that sends back all data.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until the client closes the connection
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func connect(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func wantEcho(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("heard %q (%v), want %q", got, err, text)
	}
}

func wantSilence(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Fatalf("heard %d bytes, %v: want silence", n, err)
	}
}

func wantReset(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v, want a reset", err)
	}
}

func TestProxyPassesOnAndResets(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	say(t, c, "a")
	wantEcho(t, c, "a")
	if n := p.ResetConnections(); n != 1 {
		t.Errorf("reset %d connections, want 1", n)
	}
	wantReset(t, c)
	c = connect(t, p)
	say(t, c, "b")
	wantEcho(t, c, "b")
}

func TestProxyDownAndUp(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	say(t, c, "a")
	wantEcho(t, c, "a")
	p.Down()
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v: want the end", n, err)
	}
	if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want refused", err)
	}
	p.Up()
	c = connect(t, p)
	say(t, c, "b")
	wantEcho(t, c, "b")
}

func TestProxyDropsPackets(t *testing.T) {
	for name, drop := range map[string]func(*Proxy, bool){
		"all": (*Proxy).DropPackets, "replies": (*Proxy).DropReplies,
	} {
		t.Run(name, func(t *testing.T) {
			p := Start(t, echo(t))
			idle, c := connect(t, p), connect(t, p)
			say(t, c, "a")
			wantEcho(t, c, "a")
			drop(p, true)
			say(t, c, "b")
			testkit.Await(t, "bytes to be lost", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				for l := range p.connections {
					if l.lost {
						return true
					}
				}
				return false
			})
			wantSilence(t, c)
			drop(p, false)
			wantReset(t, c)
			say(t, idle, "c")
			wantEcho(t, idle, "c")
		})
	}
}

func TestProxyHoldsAndGoesOn(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	p.Hold(true)
	say(t, c, "a")
	wantSilence(t, c)
	p.Hold(false)
	wantEcho(t, c, "a")

	p.Hold(true)
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Write(make([]byte, 64<<20))
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Errorf("wrote %d bytes, %v: want a write that blocks", n, err)
	}
}

func TestLatencyLeavesTheBandwidth(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	const latency = 200 * time.Millisecond
	p.Latency(latency)
	text := strings.Repeat("x", 1<<20) // 32 pieces
	began := time.Now()
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		written <- err
	}()
	wantEcho(t, c, text)
	if err := <-written; err != nil {
		t.Error(err)
	}
	// One piece after the other would take 33 times the latency.
	if d := time.Since(began); d < 2*latency || d > 20*latency {
		t.Errorf("1 MiB there and back took %s, want about %s", d, 2*latency)
	}
}

// TestLatencyDelaysTheEnd: the end of a connection does not overtake the data before it.
func TestLatencyDelaysTheEnd(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	const latency = 100 * time.Millisecond
	p.Latency(latency)
	began := time.Now()
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v: want the end", n, err)
	}
	if d := time.Since(began); d < 2*latency {
		t.Errorf("the end came back after %s, want %s at least", d, 2*latency)
	}
}

func TestProxyIsSlow(t *testing.T) {
	p := Start(t, echo(t))
	c := connect(t, p)
	p.Latency(50 * time.Millisecond)
	began := time.Now()
	say(t, c, "a")
	wantEcho(t, c, "a")
	if d := time.Since(began); d < 100*time.Millisecond {
		t.Errorf("there and back in %s, want 100 ms at least", d)
	}
	p.Latency(0)
	p.Bandwidth(100_000)
	began = time.Now()
	text := string(make([]byte, 20_000))
	say(t, c, text)
	wantEcho(t, c, text)
	if d := time.Since(began); d < 180*time.Millisecond {
		t.Errorf("20 kB at 100 kB/s in %s", d)
	}
}
