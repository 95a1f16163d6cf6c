package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests and writes all into one directory.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.cert, a.key = a.issue(t, name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes NAME.pem and NAME.key, signed by a, or by itself if a is new.
func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	a.write(t, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key
}

func (a *authority) write(t *testing.T, name string, data []byte) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(a.dir, name), data, 0o600))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writeCertificates writes the authorities ca and other, a server's and a client's certificate,
// and files without a usable certificate or key.
func writeCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	a := newAuthority(t, dir, "ca")
	newAuthority(t, dir, "other")
	a.issue(t, "server", &x509.Certificate{DNSNames: []string{"broker.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.issue(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	chain, err := os.ReadFile(filepath.Join(dir, "client.pem"))
	check(t, err)
	key, err := os.ReadFile(filepath.Join(dir, "client.key"))
	check(t, err)
	a.write(t, "both.pem", slices.Concat(key, chain))
	a.write(t, "text.pem", []byte("not PEM\n"))
	a.write(t, "encrypted.key", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	a.write(t, "encrypted.old", pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x"),
	}))
	return dir
}

// options reads text as the section [ssl_options], with DIR replaced by dir.
func options(t *testing.T, dir, text string) (TLS, *File, error) {
	t.Helper()
	f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nuse_ssl = yes\n[ssl_options]\n"+strings.ReplaceAll(text, "DIR", dir))
	r, err := f.Rabbit()
	return r.TLS, f, err
}

// handshake connects a client to a server with the certificate of writeCertificates, and returns
// the errors of both.
func handshake(t *testing.T, dir string, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	check(t, err)
	server.Certificates = []tls.Certificate{pair}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	check(t, err)
	defer listener.Close()
	deadline := time.Now().Add(10 * time.Second)
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_ = conn.SetDeadline(deadline)
			_, err = conn.Write([]byte("."))
			err = errors.Join(err, conn.Close())
		}
		done <- err
	}()
	plain, err := net.Dial("tcp", listener.Addr().String())
	check(t, err)
	check(t, plain.SetDeadline(deadline))
	conn := tls.Client(plain, client)
	_, clientErr = io.ReadFull(conn, make([]byte, 1))
	_ = conn.Close()
	return clientErr, <-done
}

func TestHandshake(t *testing.T) {
	dir := writeCertificates(t)
	wantsClient := func(t *testing.T) *tls.Config {
		pool := x509.NewCertPool()
		data, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		check(t, err)
		pool.AppendCertsFromPEM(data)
		return &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	}
	anyone := func(*testing.T) *tls.Config { return &tls.Config{} }
	const good = "ca_certs = DIR/ca.pem\nserver_hostname = broker.example\n"
	for _, test := range []struct {
		name, text string
		server     func(*testing.T) *tls.Config
		want       string
	}{
		{"verified", good, anyone, ""},
		{"optional verifies", "cert_reqs = CERT_OPTIONAL\nserver_hostname = broker.example", anyone, "certificate signed by unknown authority"},
		{"system's authorities", "server_hostname = broker.example", anyone, "certificate signed by unknown authority"},
		{"other authority", "ca_certs = DIR/other.pem\nserver_hostname = broker.example", anyone, "certificate signed by unknown authority"},
		{"other name", "ca_certs = DIR/ca.pem\nserver_hostname = x.example", anyone, "certificate is valid for broker.example, not x.example"},
		{"not verified", "cert_reqs = cert_none", anyone, ""},
		{"client certificate", good + "certfile = DIR/client.pem\nkeyfile = DIR/client.key", wantsClient, ""},
		{"in one file", good + "certfile = DIR/both.pem", wantsClient, ""},
		{"no client certificate", good, wantsClient, "certificate required"},
		{"TLS 1.1", good, func(*testing.T) *tls.Config {
			return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		}, "protocol version"},
		{"cipher in common", good + "ciphers = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384", func(*testing.T) *tls.Config {
			return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}
		}, ""},
		{"no cipher in common", good + "ciphers = ecdhe-ecdsa-aes128-gcm-sha256", func(*testing.T) *tls.Config {
			return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}
		}, "handshake failure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings, _, err := options(t, dir, test.text)
			check(t, err)
			client, err := settings.Config()
			check(t, err)
			got, peer := handshake(t, dir, client, test.server(t))
			switch {
			case test.want == "" && (got != nil || peer != nil):
				t.Errorf("client: %v, server: %v", got, peer)
			case test.want != "" && (got == nil || !strings.Contains(got.Error(), test.want)):
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

func TestTLSErrors(t *testing.T) {
	dir := writeCertificates(t)
	const client = "certfile = DIR/client.pem\nkeyfile = DIR/"
	for _, test := range []struct{ name, text, want string }{
		{"no authority file", "ca_certs = DIR/none.pem", "config.ini: [ssl_options] ca_certs: open DIR/none.pem: no such file or directory"},
		{"authority not PEM", "ca_certs = DIR/text.pem", "config.ini: [ssl_options] ca_certs: DIR/text.pem holds no certificate in PEM form"},
		{"key as authority", "ca_certs = DIR/client.key", "config.ini: [ssl_options] ca_certs: DIR/client.key holds no certificate in PEM form"},
		{"no certificate file", "certfile = DIR/none.pem", "config.ini: [ssl_options] certfile: open DIR/none.pem: no such file or directory"},
		{"certificate not PEM", "certfile = DIR/text.pem", "config.ini: [ssl_options] certfile: DIR/text.pem holds no certificate in PEM form"},
		{"certificate without key", "certfile = DIR/client.pem", "config.ini: [ssl_options] certfile: DIR/client.pem holds no private key in PEM form"},
		{"no key file", client + "none.key", "config.ini: [ssl_options] keyfile: open DIR/none.key: no such file or directory"},
		{"key not PEM", client + "text.pem", "config.ini: [ssl_options] keyfile: DIR/text.pem holds no private key in PEM form"},
		{"encrypted key", client + "encrypted.key", "config.ini: [ssl_options] keyfile: the key in DIR/encrypted.key is encrypted; store it without a passphrase (openssl pkey), readable by its owner only"},
		{"key encrypted in the old way", client + "encrypted.old", "config.ini: [ssl_options] keyfile: the key in DIR/encrypted.old is encrypted; store it without a passphrase (openssl pkey), readable by its owner only"},
		{"another's key", client + "server.key", "config.ini: [ssl_options] keyfile: the certificate in DIR/client.pem and the key in DIR/server.key: tls: private key does not match public key"},
		{"key without certificate", "keyfile = DIR/client.key", "config.ini: [ssl_options] has no certfile; set it to the certificate that keyfile is the key of"},
		{"cert_reqs", "cert_reqs = maybe", `config.ini:7: [ssl_options] cert_reqs: want CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE`},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings, f, err := options(t, dir, test.text)
			if err == nil {
				_, err = settings.Config()
			}
			want := strings.ReplaceAll(test.want, "DIR", dir)
			if err == nil || shorten(err.Error(), f.path) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// TestCipherExpression: an expression of OpenSSL, which the Python tool accepted, is no
// error.
func TestCipherExpression(t *testing.T) {
	settings, f, err := options(t, t.TempDir(), "ciphers = HIGH:!aNULL")
	check(t, err)
	if settings.CipherSuites != nil {
		t.Errorf("cipher suites %v", settings.CipherSuites)
	}
	if w := strings.Join(f.Warnings(), "\n"); !strings.Contains(w, `[ssl_options] ciphers: it has a word other than ECDHE-`) {
		t.Errorf("warnings: %s", w)
	}
}

func TestZeroTLSVerifies(t *testing.T) {
	c, err := TLS{}.Config()
	check(t, err)
	if c.InsecureSkipVerify || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("verify off, or version %x", c.MinVersion)
	}
}

// TestCipherSuites compares the table with the suites that Go considers secure.
func TestCipherSuites(t *testing.T) {
	var got, want []uint16
	for name, id := range cipherSuites {
		got = append(got, id)
		ours := strings.NewReplacer("-", "", "_", "").Replace(name)
		theirs := strings.NewReplacer("TLS_", "", "WITH_", "", "_CBC_", "", "POLY1305_SHA256", "POLY1305", "_", "").Replace(tls.CipherSuiteName(id))
		if ours != theirs {
			t.Errorf("%s is mapped to %s", name, tls.CipherSuiteName(id))
		}
	}
	for _, suite := range tls.CipherSuites() {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			want = append(want, suite.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestUnverifiedServerGetsAWarning(t *testing.T) {
	f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nuse_ssl = yes\n[ssl_options]\ncert_reqs = CERT_NONE\n")
	if _, err := f.Rabbit(); err != nil {
		t.Fatal(err)
	}
	want := "config.ini:7: [ssl_options] cert_reqs: the server is not verified: anybody on the network path can read the password and the messages; set it to CERT_REQUIRED"
	if got := strings.Join(warnings(f), "\n"); got != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// TestWrongSectionMayUseTLS: a section with a wrong use_ssl or URL does not make [ssl_options]
// look ignored.
func TestWrongSectionMayUseTLS(t *testing.T) {
	f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nuse_ssl = y\n[http]\nurl = https://u@h/\n[ssl_options]\nca_certs = x\n")
	_, rabbitErr := f.Rabbit()
	_, httpErr := f.HTTP()
	if rabbitErr == nil || httpErr == nil || len(warnings(f)) > 0 {
		t.Errorf("errors %v and %v, warnings %q", rabbitErr, httpErr, warnings(f))
	}
}
