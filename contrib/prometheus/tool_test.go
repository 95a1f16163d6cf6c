package prometheus

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// tool returns the path of a program of Prometheus, which scripts/install-prometheus
// fetches. With -short it skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs " + name)
	}
	for _, file := range []string{name, "../../build/_prometheus/usr/bin/" + name} {
		if path, err := exec.LookPath(file); err == nil {
			if path, err = filepath.Abs(path); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatalf("%s is missing: run scripts/install-prometheus", name)
	return ""
}

// A server is a running program that answers HTTP requests.
type server struct {
	*testkit.Program
	url string
}

// serve starts a program with the flag --web.listen-address, and waits until it answers GET
// with 200 at the path ready. The program is killed when t ends.
func serve(t *testing.T, ready, program string, args ...string) *server {
	t.Helper()
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.CommandContext(t.Context(), program, append(args, "--web.listen-address="+address)...)
	s := &server{testkit.Start(t, cmd), "http://" + address}
	testkit.Await(t, program+" to answer", func() bool {
		if !s.Running() {
			t.Fatalf("%s has ended:\n%s", program, s.Errs.String())
		}
		response, err := http.Get(s.url + ready)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
}

// stop kills the program and returns its log.
func (s *server) stop() string {
	s.Signal(syscall.SIGKILL)
	return s.Wait().Log
}
