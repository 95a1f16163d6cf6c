package amqp

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"tstat-transport/internal/transport"
)

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
