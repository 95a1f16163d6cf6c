package rabbittest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func dialTLS(n *Node, config *tls.Config) error {
	conn, err := amqp.DialTLS("amqps://guest:guest@"+net.JoinHostPort("localhost", strconv.Itoa(n.TLSPort())), config)
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestTLS(t *testing.T) {
	n := Start(t, WithClientCertRequired())
	client := n.CA.Issue(t, nil, ForClient)
	pair, err := tls.LoadX509KeyPair(client.CertFile, client.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	certificates := []tls.Certificate{pair}
	if err := dialTLS(n, &tls.Config{RootCAs: n.CA.Pool(), Certificates: certificates}); err != nil {
		t.Errorf("with the right authority and a client's certificate: %v", err)
	}
	if err := dialTLS(n, &tls.Config{RootCAs: n.CA.Pool()}); err == nil {
		t.Error("logged in without a client's certificate")
	}
	err = dialTLS(n, &tls.Config{RootCAs: NewCA(t).Pool(), Certificates: certificates})
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("with another authority: %v", err)
	}
	n.DeclareQueue(t, "/", queue, nil) // on the plain port
	wantDrained(t, n, "/")
}

func TestTLSWithExpiredCertificate(t *testing.T) {
	ca := NewCA(t)
	n := Start(t, WithTLSCert(ca.Issue(t, []string{"other.example"}, Expired)))
	err := dialTLS(n, &tls.Config{RootCAs: ca.Pool(), ServerName: "other.example"})
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); !ok || e.Reason != x509.Expired {
		t.Errorf("with the certificate's name: %v, want expired", err)
	}
	before := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	err = dialTLS(n, &tls.Config{RootCAs: ca.Pool(), Time: before})
	if _, ok := errors.AsType[x509.HostnameError](err); !ok {
		t.Errorf("with the name localhost, before the certificate expired: %v", err)
	}
	if err := dialTLS(n, &tls.Config{RootCAs: ca.Pool(), ServerName: "other.example", Time: before}); err != nil {
		t.Errorf("with the certificate's name, before it expired: %v", err)
	}
}
