package transport_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
)

func TestFile(t *testing.T) {
	for _, format := range []string{"messages", "flows"} {
		for _, compression := range []string{"", "gzip", "zstd"} {
			t.Run(format+" "+compression, func(t *testing.T) {
				transporttest.Run(t, func(t *testing.T) transporttest.Subject {
					o := transport.FileOptions{Path: t.TempDir(), Format: format, Compression: compression}
					return transporttest.Subject{
						Open: func(t *testing.T) transport.Transport {
							f, err := transport.OpenFile(o)
							if err != nil {
								t.Fatal(err)
							}
							return f
						},
						Received: func(t *testing.T) []string { return readFolder(t, o.Path) },
					}
				})
			})
		}
	}
}

// readFolder returns the lines of all finished files, and wants none to be
// unfinished.
func readFolder(t *testing.T, path string) (lines []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left", e.Name())
			continue
		}
		lines = append(lines, readLines(t, filepath.Join(path, e.Name()))...)
	}
	return lines
}

func readLines(t testing.TB, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestFileFaults(t *testing.T) {
	open := func(path func(t *testing.T) string) func(t *testing.T) (transport.Transport, error) {
		return func(t *testing.T) (transport.Transport, error) {
			f, err := transport.OpenFile(transport.FileOptions{Path: path(t)})
			if err != nil {
				return nil, err
			}
			return f, nil
		}
	}
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"no folder": {
			Open:    open(func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }),
			Verdict: transport.Misconfigured,
			Words:   []string{"none", "create the folder", "[file]"},
		},
		"no folder but a file": {
			Open: open(func(t *testing.T) string {
				path := filepath.Join(t.TempDir(), "file")
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}),
			Verdict: transport.Misconfigured,
			Words:   []string{"file", "create the folder"},
		},
		"the folder goes away": {
			Open: func(t *testing.T) (transport.Transport, error) {
				path := filepath.Join(t.TempDir(), "out")
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
				f, err := transport.OpenFile(transport.FileOptions{Path: path})
				if err != nil {
					t.Fatal(err)
				}
				return f, os.Remove(path)
			},
			Verdict: transport.Misconfigured,
			Words:   []string{"create the folder"},
		},
	})
}

// server is a real HTTP server that keeps what it has confirmed.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	bodies   []string
	requests []*http.Request
	// refuse, if set, may answer in place of the server.
	refuse func(w http.ResponseWriter, r *http.Request) (done bool)
}

func newServer(t *testing.T) *server {
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if s.refuse != nil && s.refuse(w, r) {
		return
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		s.bodies = append(s.bodies, string(b))
	}
	s.requests = append(s.requests, r)
}

func (s *server) received(*testing.T) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies
}

func TestHTTP(t *testing.T) {
	for _, compression := range []string{"", "gzip"} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(scheme+" "+compression, func(t *testing.T) {
				transporttest.Run(t, func(t *testing.T) transporttest.Subject {
					s := newServer(t)
					o := transport.HTTPOptions{Compression: compression}
					if scheme == "https" {
						s.StartTLS()
						o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
					} else {
						s.Start()
					}
					o.URL = s.URL + "/in"
					stalled := make(chan struct{})
					s.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
						select {
						case <-stalled:
							_, _ = io.Copy(io.Discard, r.Body)
							<-r.Context().Done()
							return true
						default:
							return false
						}
					}
					return transporttest.Subject{
						Open:     func(t *testing.T) transport.Transport { return newHTTP(t, o) },
						Received: s.received,
						Stall:    func(*testing.T) { close(stalled) },
					}
				})
			})
		}
	}
}

func newHTTP(t *testing.T, o transport.HTTPOptions) *transport.HTTP {
	t.Helper()
	o.Backoff, o.MaxBackoff = 10*time.Millisecond, 50*time.Millisecond
	h, err := transport.NewHTTP(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
