package prometheus

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// tool returns the path of a program of Prometheus, which
// scripts/install-prometheus fetches. With -short it skips the test.
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

// A server is a program that answers at an address of its own.
type server struct {
	url string
	cmd *exec.Cmd
	log bytes.Buffer // safe to read after stop
}

// serve starts a program with the flag --web.listen-address and waits until it
// answers at the path. The end of the test stops the program.
func serve(t *testing.T, ready, program string, args ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &server{url: "http://" + address}
	s.cmd = exec.CommandContext(t.Context(), program, append(args, "--web.listen-address="+address)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { //nolint:forbidigo // a poll inside a bounded wait
		err := s.answers(ready)
		if err == nil {
			return s
		}
		if time.Now().After(deadline) {
			s.stop()
			t.Fatalf("%s does not answer: %v\n%s", program, err, &s.log)
		}
	}
}

func (s *server) answers(path string) error {
	response, err := http.Get(s.url + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return nil
}

// stop ends the program and waits for it. It may be called again.
func (s *server) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}
