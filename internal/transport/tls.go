package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// TLSAlert is the Op of the net.OpError that crypto/tls returns if the peer sent
// an alert.
const TLSAlert = "remote error"

// TLSRemedy returns what to do about an error of a TLS connection. peer names the
// other end, such as "broker". ok is false if TLSRemedy knows no remedy. That includes a
// port that does not speak TLS: the remedy for that depends on the transport.
func TLSRemedy(err error, peer string) (remedy string, ok bool) {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == TLSAlert {
		return "the " + peer + " does not accept this side's TLS: check certfile, keyfile and ciphers in [ssl_options]", true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "name the authority that signed the " + peer + "'s certificate in ca_certs in [ssl_options]", true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		if strings.Contains(err.Error(), "legacy Common Name") {
			return "issue a certificate with a subjectAltName for the " + peer + ": the common name is ignored, and server_hostname cannot help", true
		}
		return "connect by a name that the certificate holds, or set server_hostname in [ssl_options]", true
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "renew the " + peer + "'s certificate, and check the clocks", true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "check the " + peer + "'s certificate and ca_certs in [ssl_options]", true
	}
	// crypto/tls has no type for this error.
	if strings.Contains(err.Error(), "tls: failed to parse certificate from server") {
		return "issue a certificate for the " + peer + " that follows RFC 5280: Go cannot read this one", true
	}
	return "", false
}
