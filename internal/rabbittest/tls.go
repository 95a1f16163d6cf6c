package rabbittest

import "strconv"

// Cert is a certificate and its key, both as PEM files.
type Cert struct{ CertFile, KeyFile string }

// CA is a certificate authority made by a test.
type CA struct{ CAFile string }

func (n *Node) tlsConfig(s *settings) ([]string, error) {
	return []string{"listeners.ssl.default = 127.0.0.1:" + strconv.Itoa(n.tlsPort)}, nil
}
