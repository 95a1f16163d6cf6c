package rabbittest

import "strconv"

// WithTLS makes the node also listen with TLS (TLSPort). Its certificate is for localhost and
// 127.0.0.1, and signed by an authority of its own (Node.CA).
func WithTLS() Option { return func(s *settings) { s.tls = true } }

// WithTLSCert is WithTLS with the given certificate.
func WithTLSCert(c Cert) Option {
	return func(s *settings) { s.tls, s.cert = true, c }
}

// WithClientCertRequired is WithTLS, and the node accepts only clients with a certificate that
// Node.CA has signed.
func WithClientCertRequired() Option {
	return func(s *settings) { s.tls, s.requireClient = true, true }
}

// tlsConfig sets n.CA and n.Cert and returns lines for rabbitmq.conf.
func (n *Node) tlsConfig(s *settings) ([]string, error) {
	n.Cert = s.cert
	if n.Cert == (Cert{}) {
		ca, err := newCA(n.dir)
		if err != nil {
			return nil, err
		}
		if n.Cert, err = ca.issue([]string{"localhost", "127.0.0.1"}, nil); err != nil {
			return nil, err
		}
	}
	n.CA = n.Cert.CA
	lines := []string{
		"listeners.ssl.default = 127.0.0.1:" + strconv.Itoa(n.tlsPort),
		"ssl_options.cacertfile = " + n.CA.CAFile,
		"ssl_options.certfile = " + n.Cert.CertFile,
		"ssl_options.keyfile = " + n.Cert.KeyFile,
	}
	if s.requireClient {
		return append(lines, "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"), nil
	}
	return append(lines, "ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false"), nil
}
