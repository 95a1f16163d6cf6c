package e2e

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"tstat-transport/internal/test/faultproxy"
	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

// TestTLS: each fault of TLS is named, and no run falls back to plain text.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := rabbittest.NewCA(t)
	n := rabbittest.Start(t, rabbittest.WithClientCertRequired(), rabbittest.WithTLSCert(ca.Issue(t, []string{"localhost"})))
	port := strconv.Itoa(n.TLSPort())
	closed, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	client := ca.Issue(t, []string{"sensor"}, rabbittest.ForClient)
	stranger := rabbittest.NewCA(t)
	foreign := stranger.Issue(t, []string{"sensor"}, rabbittest.ForClient)

	s := newSiteOn(t, n)
	corpus(t, "lossy_level31", s.root)
	s.Rabbit["use_ssl"] = "True"
	s.Address("localhost:" + port)
	s.TLS = map[string]string{"ca_certs": ca.CAFile, "certfile": client.CertFile, "keyfile": client.KeyFile}

	fails := func(name string, change func(*site), words ...string) {
		t.Run(name, func(t *testing.T) {
			own := s.clone(t)
			change(own)
			before := strings.Count(n.Log(), "authenticated and granted access")
			own.send().want(misconfigured, words...)
			own.wantNoneMarked()
			if after := strings.Count(n.Log(), "authenticated and granted access"); after != before {
				t.Error("somebody logged in")
			}
		})
	}
	fails("unknown CA", func(s *site) { s.TLS["ca_certs"] = stranger.CAFile }, "unknown authority", "ca_certs")
	fails("wrong name", func(s *site) { s.Address("127.0.0.1:" + port) }, "127.0.0.1", "server_hostname")
	fails("plain port", func(s *site) { s.Address(strings.Replace(n.Addr(), "127.0.0.1", "localhost", 1)) }, "does not speak TLS", "use_ssl = False")
	fails("plain to the TLS port", func(s *site) { s.Rabbit["use_ssl"] = "False"; s.TLS = nil }, "use_ssl = True")
	fails("no client certificate", func(s *site) { delete(s.TLS, "certfile"); delete(s.TLS, "keyfile") }, "certfile")
	fails("client certificate of another CA", func(s *site) {
		s.TLS["certfile"], s.TLS["keyfile"] = foreign.CertFile, foreign.KeyFile
	}, "certfile")
	fails("key of another certificate", func(s *site) { s.TLS["keyfile"] = foreign.KeyFile }, foreign.KeyFile, "keyfile")
	fails("no such file", func(s *site) { s.TLS["ca_certs"] = "/nosuch/ca.pem" }, "/nosuch/ca.pem", "ca_certs")

	valid, validKey := readAll(t, n.Cert.CertFile), readAll(t, n.Cert.KeyFile)
	setServerCert := func(cert, key string) {
		write(t, n.Cert.CertFile, cert)
		write(t, n.Cert.KeyFile, key)
		n.Eval(t, "ssl:clear_pem_cache()")
	}
	old := ca.Issue(t, []string{"localhost"}, rabbittest.Expired)
	setServerCert(readAll(t, old.CertFile), readAll(t, old.KeyFile))
	fails("expired", func(*site) {}, "expired", "renew")
	setServerCert(valid, validKey)

	t.Run("second host has the name", func(t *testing.T) {
		own := s.clone(t)
		// The first host accepts connections, but has no broker behind it.
		first := faultproxy.Start(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(closed)))
		own.Rabbit["host"] = first.Addr() + ", localhost:" + port
		own.send().want(allDone)
		own.wantComplete()
		s.got = own.got // the next subtest has the same root, and checks all messages of the root
	})
	t.Run("name given", func(t *testing.T) {
		corpus(t, "rotation", s.root)
		own := s.clone(t)
		own.Address("127.0.0.1:" + port)
		own.TLS["server_hostname"] = "localhost"
		own.send().want(allDone)
		own.wantComplete()
	})
}
