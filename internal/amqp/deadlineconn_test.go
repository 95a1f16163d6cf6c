package amqp

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// tcpPair returns both ends of a connection. ours has a small send buffer.
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
	if err == nil || !strings.Contains(err.Error(), " bytes within 200ms") || n == 0 || n >= 64<<20 {
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
	took := time.Since(began)
	if n != size || err != nil {
		t.Errorf("wrote %d bytes with error %v", n, err)
	}
	ours.Close()
	if n := <-got; n != size {
		t.Errorf("%d bytes arrived, want %d", n, size)
	}
	if took < c.timeout {
		t.Errorf("the write was not held up: %v", took)
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
