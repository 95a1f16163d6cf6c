package amqp

import (
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/transport"
)

// tcpPair returns both ends of a connection with small buffers.
func tcpPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	if err := ours.(*net.TCPConn).SetWriteBuffer(4096); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestWriteToPeerThatStopsReading(t *testing.T) {
	ours, _ := tcpPair(t)
	c := &deadlineConn{Conn: ours, timeout: 200 * time.Millisecond}
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	began := time.Now()
	n, err := c.Write(make([]byte, 64<<20))
	if err == nil || !strings.Contains(err.Error(), "took no data for 200ms") || n == 0 || n >= 64<<20 {
		t.Errorf("wrote %d bytes with error %v", n, err)
	}
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read returned %v, want net.ErrClosed", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSlowPeerIsNotCutOff(t *testing.T) {
	ours, theirs := tcpPair(t)
	c := &deadlineConn{Conn: ours, timeout: 500 * time.Millisecond}
	const size = 4_000_000
	got := make(chan int64, 1)
	go func() {
		var total int64
		for total < size { // in about 2 s
			n, err := io.CopyN(io.Discard, theirs, size/40)
			total += n
			if err != nil {
				break
			}
			pause(t.Context(), 50*time.Millisecond)
		}
		got <- total
	}()
	began := time.Now()
	n, err := c.Write(make([]byte, size))
	if n != size || err != nil {
		t.Errorf("wrote %d bytes with error %v", n, err)
	}
	ours.Close()
	if n := <-got; n != size {
		t.Errorf("%d bytes arrived, want %d", n, size)
	}
	if took := time.Since(began); took < c.timeout {
		t.Errorf("the peer was not slow: %v", took)
	}
}

func TestWriteTimeoutIsExtendedWhileWriting(t *testing.T) {
	ours, theirs := tcpPair(t)
	c := &deadlineConn{Conn: ours, timeout: 500 * time.Millisecond}
	began := time.Now()
	time.AfterFunc(100*time.Millisecond, func() { c.setTimeout(time.Minute) })
	time.AfterFunc(1500*time.Millisecond, func() { _, _ = io.Copy(io.Discard, theirs) })
	if _, err := c.Write(make([]byte, 16<<20)); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the write was not held up: %v", took)
	}
}

// TestUnblockedTime: the time in which a connection is blocked does not count.
func TestUnblockedTime(t *testing.T) {
	b := newBlockedState()
	b.since = b.since.Add(-20 * time.Second)
	b.set(true)
	b.since = b.since.Add(-time.Hour)
	b.set(false)
	b.since = b.since.Add(-15 * time.Second)
	if got := b.unblockedTime(); got < 35*time.Second || got > 45*time.Second {
		t.Errorf("got %v, want 35 s", got)
	}
}

func TestAnHTTPServerAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 8))
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = conn.Close()
		}
	}()
	for _, config := range []*tls.Config{nil, {}} {
		o := Options{Hosts: []string{l.Addr().String()}, Queue: queue, TLS: config, Log: testLog(t)}
		_, err := Open(t.Context(), o)
		wantError(t, err, transport.Misconfigured, "an HTTP server answers")
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

// TestEncoding: a message carries the content encoding of its body.
func TestEncoding(t *testing.T) {
	n := rabbittest.Shared(t)
	vhost := n.VHost(t)
	p := open(t, options(t, n, vhost))
	c, err := transport.NewCompressor("zstd")
	if err != nil {
		t.Fatal(err)
	}
	plain := message(1, 20_000)
	packed := &transport.Message{ID: id(2), Body: c.Append(nil, plain.Body), Encoding: "zstd", Size: len(plain.Body), Flows: 1}
	for _, m := range []*transport.Message{plain, packed} {
		if err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string]string)
	for _, d := range n.Drain(t, vhost, queue) {
		got[d.MessageId+" "+d.ContentEncoding] = string(d.Body)
		if d.ContentType != "application/json" || d.DeliveryMode != amqp091.Persistent {
			t.Errorf("message is %q, mode %d", d.ContentType, d.DeliveryMode)
		}
	}
	want := map[string]string{id(1) + " ": string(plain.Body), id(2) + " zstd": string(packed.Body)}
	if !maps.Equal(got, want) {
		t.Errorf("%.200q, want %.200q", got, want)
	}
	if st := p.Stats(); st.Bytes != int64(len(plain.Body)+len(packed.Body)) {
		t.Errorf("%d bytes counted", st.Bytes)
	}
}

func TestLimitOfBytesInFlight(t *testing.T) {
	n := rabbittest.Shared(t)
	o := options(t, n, n.VHost(t))
	o.MaxBytesInFlight = 25_000 // less than one of the messages below
	send(t.Context(), open(t, o), 0, 30, 30_000, 8).await(t)
}

func TestMessageIDTooLong(t *testing.T) {
	p, err := newPublisher(Options{Hosts: []string{"127.0.0.1:1"}, Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Send(t.Context(), &transport.Message{ID: strings.Repeat("x", 256)})
	wantError(t, err, transport.Misconfigured, "256 bytes")
	closeWithin(t, p, soon)
}

func TestInFlight(t *testing.T) {
	fs := newInFlight(3)
	next, oldest := 0, 0
	push := func() { fs.push(unconfirmed{r: &request{size: next}}); next++ }
	pop := func() {
		if got := fs.front().r.size; got != oldest {
			t.Errorf("front is %d, want %d", got, oldest)
		}
		fs.pop()
		oldest++
	}
	for range 5 {
		push()
		push()
		pop()
		push()
		pop()
		pop()
	}
	if fs.front() != nil {
		t.Error("the ring is not empty")
	}
}

func TestBackoffIsBounded(t *testing.T) {
	p, err := newPublisher(Options{Hosts: []string{"127.0.0.1:1"}, Queue: queue, Backoff: time.Millisecond, MaxBackoff: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithin(t, p, soon)
	longest := time.Duration(0)
	for failures := range 100 {
		d := p.backoff(failures)
		if d <= 0 || d > time.Second {
			t.Errorf("wait after %d failures is %v", failures, d)
		}
		longest = max(longest, d)
	}
	if longest < time.Second/2 {
		t.Errorf("the longest wait was %v", longest)
	}
}
