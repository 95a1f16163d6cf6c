package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"tstat-transport/internal/transport"
)

// TestTLSRemedy: each cause that somebody can mend has a remedy of its own.
func TestTLSRemedy(t *testing.T) {
	noAltName := x509.HostnameError{Certificate: &x509.Certificate{Version: 3}, Host: "h"}
	noAltName.Certificate.Subject.CommonName = "h"
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: transport.TLSAlert, Err: errors.New("tls: bad certificate")}, "the broker does not accept this side's TLS"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "name the authority that signed the broker's certificate"},
		{noAltName, "subjectAltName for the broker"},
		{x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"other"}}, Host: "h"}, "set server_hostname"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "renew the broker's certificate"},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}}, "check the broker's certificate"},
		{errors.New("tls: failed to parse certificate from server: x509: malformed"), "RFC 5280"},
		{io.ErrUnexpectedEOF, ""},
		{&net.OpError{Op: "dial", Err: io.EOF}, ""},
	} {
		remedy, ok := transport.TLSRemedy(fmt.Errorf("handshake: %w", c.err), "broker")
		if !strings.Contains(remedy, c.want) || ok != (c.want != "") {
			t.Errorf("%v: remedy %q, %v, want %q", c.err, remedy, ok, c.want)
		}
	}
}
