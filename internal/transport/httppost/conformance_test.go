package httppost_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/httppost"
)

// server is a real HTTP server that keeps the requests that it has confirmed.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	bodies   []string
	requests []*http.Request
	// intercept, if set, may answer in place of the server.
	intercept func(w http.ResponseWriter, r *http.Request) (done bool)
}

func newServer(t *testing.T) *server {
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if s.intercept != nil && s.intercept(w, r) {
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
					o := httppost.Options{Compression: compression}
					if scheme == "https" {
						s.StartTLS()
						o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
					} else {
						s.Start()
					}
					o.URL = s.URL + "/in"
					stalled := make(chan struct{})
					s.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
						select {
						case <-stalled:
							_, _ = io.Copy(io.Discard, r.Body)
							<-r.Context().Done()
							panic(http.ErrAbortHandler) // a return would answer 200, which may still arrive
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

func newHTTP(t *testing.T, o httppost.Options) *httppost.Transport {
	t.Helper()
	o.Backoff, o.MaxBackoff = 10*time.Millisecond, 50*time.Millisecond
	h, err := httppost.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const directory = "/srv/tstat/2016_02_17_12_53.out"

func mustSend(t *testing.T, tr transport.Transport, m *transport.Message) {
	t.Helper()
	if err := tr.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}
