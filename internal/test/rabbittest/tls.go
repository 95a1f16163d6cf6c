package rabbittest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority made for a test.
type CA struct {
	CAFile string // its certificate, PEM

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Cert is a certificate and its key, as PEM files.
type Cert struct {
	CertFile, KeyFile string
	CA                *CA // the authority that has signed the certificate
}

// NewCA makes an authority. Its files and those of its certificates are removed when t ends.
func NewCA(t testing.TB) *CA {
	t.Helper()
	ca, err := newCA(t.TempDir())
	if err != nil {
		t.Fatalf("rabbittest: cannot make a certificate authority: %v", err)
	}
	return ca
}

func newCA(dir string) (*CA, error) {
	ca := &CA{CAFile: filepath.Join(dir, "ca.pem"), dir: dir}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "authority of a test"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		NotBefore:             time.Now().Add(-48 * time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
	}
	der, key, err := ca.sign(template)
	if err != nil {
		return nil, err
	}
	ca.key = key
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return ca, writePEM(ca.CAFile, "CERTIFICATE", der)
}

// Pool returns a pool with the authority's certificate.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// CertOption changes a certificate before CA signs it.
type CertOption func(*x509.Certificate)

// Expired makes a certificate that expired an hour ago.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }

// ForClient makes a client's certificate.
func ForClient(c *x509.Certificate) { c.ExtKeyUsage[0] = x509.ExtKeyUsageClientAuth }

// Issue makes a server's certificate for hosts, which are names or IP addresses. It is valid
// for a day.
func (ca *CA) Issue(t testing.TB, hosts []string, options ...CertOption) Cert {
	t.Helper()
	c, err := ca.issue(hosts, options)
	if err != nil {
		t.Fatalf("rabbittest: cannot issue a certificate for %v: %v", hosts, err)
	}
	return c
}

func (ca *CA) issue(hosts []string, options []CertOption) (Cert, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "test"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   time.Now().Add(-24 * time.Hour),
		NotAfter:    time.Now().Add(24 * time.Hour),
	}
	for _, o := range options {
		o(template)
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, key, err := ca.sign(template)
	if err != nil {
		return Cert{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Cert{}, err
	}
	base := filepath.Join(ca.dir, randomName("cert"))
	c := Cert{CertFile: base + ".pem", KeyFile: base + ".key", CA: ca}
	if err := writePEM(c.CertFile, "CERTIFICATE", der); err != nil {
		return Cert{}, err
	}
	return c, writePEM(c.KeyFile, "PRIVATE KEY", keyDER)
}

// sign makes a key and a certificate for it. The authority signs the certificate; the first
// one, its own, is self-signed.
func (ca *CA) sign(template *x509.Certificate) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, nil, err
	}
	parent, signer := ca.cert, ca.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	return der, key, err
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("cannot write a certificate: %w", err)
	}
	return nil
}
