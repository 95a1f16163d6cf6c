package amqp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"tstat-transport/internal/transport"
)

func TestAnHTTPServerAnswers(t *testing.T) {
	address := badAddress(t, 0, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 8))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	for _, config := range []*tls.Config{nil, {}} {
		o := Options{Hosts: []string{address}, Queue: queue, TLS: config, Log: testLog(t)}
		_, err := Open(t.Context(), o)
		wantError(t, err, transport.Misconfigured, "an HTTP server answers")
	}
}

// TestTLSPortIsSilent: the error names the timeout. The end of the context and the end of the
// handshake race, so the test tries several times.
func TestTLSPortIsSilent(t *testing.T) {
	for range 20 {
		o := Options{
			Hosts: []string{"broker:1"}, Queue: queue, TLS: &tls.Config{}, ConnectionTimeout: 5 * time.Millisecond, Log: testLog(t),
			LookupHost: func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil },
			Dial: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					silent(theirs)
					_ = theirs.Close()
				}()
				return ours, nil
			},
		}
		findings := Check(t.Context(), o)
		wantError(t, findings[len(findings)-1].Err, transport.Retry, "start TLS", "no answer within 5ms")
	}
}
