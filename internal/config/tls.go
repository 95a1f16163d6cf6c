package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	tlsSection = "ssl_options"
	maxPEM     = 8 << 20 // bytes; a system's bundle has about 0.2 MB
)

// TLS holds the section [ssl_options].
type TLS struct {
	// CACerts is a PEM file of the authorities to trust. If it is empty, the
	// system's authorities are trusted.
	CACerts string
	// CertFile is a PEM file with the client's certificate and its chain; empty for no
	// certificate. KeyFile is a PEM file with the key. If KeyFile is empty, CertFile
	// holds the key too.
	CertFile, KeyFile string
	// SkipVerify is true for cert_reqs = CERT_NONE. For CERT_REQUIRED and
	// CERT_OPTIONAL the server's certificate and name are verified: for a client,
	// both mean the same in Python.
	SkipVerify bool
	// ServerHostname is the name that the server's certificate must have. If it is
	// empty, the certificate must have the name of the host that is dialled.
	ServerHostname string
	// CipherSuites are for TLS 1.2. If there are none, Go chooses, as it always
	// does for TLS 1.3.
	CipherSuites []uint16

	path string // of the ini file
}

// cipherSuites maps OpenSSL's names to the suites that Go considers secure.
var cipherSuites = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// tls reads [ssl_options] if TLS is used, and adds its errors to s. If TLS is not used but
// [ssl_options] has keys, tls adds a warning, unless s has errors: a wrong value may be the
// reason why TLS is not used.
func (s *section) tls(used bool) TLS {
	f := s.file
	if !used {
		i := slices.IndexFunc(f.entries, func(e entry) bool { return e.section == tlsSection })
		if i >= 0 && len(s.errs) == 0 {
			f.warn("%s:%d: [%s] is ignored, since [%s] does not use TLS", f.path, f.entries[i].line, tlsSection, s.name)
		}
		return TLS{}
	}
	o := f.section(tlsSection)
	t := TLS{
		CACerts:        o.text("ca_certs", ""),
		CertFile:       o.text("certfile", ""),
		KeyFile:        o.text("keyfile", ""),
		SkipVerify:     o.choice("cert_reqs", certReqs...) == "CERT_NONE",
		ServerHostname: o.text("server_hostname", ""),
		CipherSuites:   o.ciphers(),
		path:           f.path,
	}
	if e, _ := o.get("cert_reqs"); t.SkipVerify {
		f.warnAt(e, "the server is not verified: anybody on the network path can read the password and the messages; set it to CERT_REQUIRED")
	}
	if t.KeyFile != "" && t.CertFile == "" {
		o.missing("certfile", "the certificate that keyfile is the key of")
	}
	s.errs = append(s.errs, o.errs...)
	return t
}

// ciphers reads OpenSSL's names of suites. For an expression such as HIGH:!aNULL,
// which the Python tool accepted, Go chooses: its choice is not weaker.
func (s *section) ciphers() []uint16 {
	e, ok := s.get("ciphers")
	if !ok {
		return nil
	}
	var suites []uint16
	for name := range strings.FieldsFuncSeq(e.text.Reveal(), func(r rune) bool { return strings.ContainsRune(":, ", r) }) {
		suite, ok := cipherSuites[strings.ToUpper(name)]
		if !ok {
			s.file.warnAt(e, "it has a word other than %s, so the program chooses the ciphers; remove this key",
				strings.Join(sorted(cipherSuites), ":"))
			return nil
		}
		suites = append(suites, suite)
	}
	return suites
}

// Config reads the files and returns a configuration of TLS 1.2 or later, which the
// caller may change. If ServerHostname is empty, the caller must set ServerName to
// the host that it dials.
func (t TLS) Config() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerHostname,
		CipherSuites:       slices.Clone(t.CipherSuites),
		InsecureSkipVerify: t.SkipVerify, //nolint:gosec // the operator's cert_reqs
	}
	if t.CACerts != "" {
		data, _, err := readFile(t.CACerts, maxPEM)
		if err != nil {
			return nil, t.fail("ca_certs", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, t.fail("ca_certs", errors.New(t.CACerts+" holds no certificate in PEM form"))
		}
	}
	if t.CertFile != "" {
		pair, err := t.clientCertificate()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (t TLS) clientCertificate() (tls.Certificate, error) {
	none := tls.Certificate{}
	chain, _, err := readFile(t.CertFile, maxPEM)
	if err != nil {
		return none, t.fail("certfile", err)
	}
	if !hasBlock(chain, "CERTIFICATE") {
		return none, t.fail("certfile", errors.New(t.CertFile+" holds no certificate in PEM form"))
	}
	key, keyFile, iniKey := chain, t.CertFile, "certfile"
	if t.KeyFile != "" {
		keyFile, iniKey = t.KeyFile, "keyfile"
		if key, _, err = readFile(keyFile, maxPEM); err != nil {
			return none, t.fail(iniKey, err)
		}
	}
	switch {
	case !hasBlock(key, "PRIVATE KEY"):
		return none, t.fail(iniKey, errors.New(keyFile+" holds no private key in PEM form"))
	case hasBlock(key, "ENCRYPTED PRIVATE KEY"):
		return none, t.fail(iniKey, errors.New("the key in "+keyFile+
			" is encrypted; store it without a passphrase (openssl pkey), readable by its owner only"))
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return none, t.fail(iniKey, fmt.Errorf("the certificate in %s and the key in %s: %w", t.CertFile, keyFile, err))
	}
	return pair, nil
}

func (t TLS) fail(key string, err error) error {
	return fmt.Errorf("%s: [%s] %s: %w", t.path, tlsSection, key, err)
}

// hasBlock reports whether a PEM file has a block whose type ends with suffix. A key
// encrypted as in RFC 1421, with a header DEK-Info, counts as "ENCRYPTED PRIVATE KEY",
// the type of an encrypted key in PKCS #8.
func hasBlock(data []byte, suffix string) bool {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return false
		}
		kind := block.Type
		if block.Headers["DEK-Info"] != "" {
			kind = "ENCRYPTED PRIVATE KEY"
		}
		if strings.HasSuffix(kind, suffix) {
			return true
		}
	}
}
