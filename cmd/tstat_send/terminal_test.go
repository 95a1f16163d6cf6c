package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/test/pty"
)

// After Ctrl-C the program prints at once, on the terminal, what it waits for.
func TestStopIsAnnounced(t *testing.T) {
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-answer
	}))
	defer server.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.ini")
	if err := errors.Join(
		os.CopyFS(filepath.Join(dir, "root"), os.DirFS("../../testdata/corpus/v3.0_bulk")),
		os.WriteFile(config, []byte("[http]\nurl = "+server.URL+"\n"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	screen, terminal := pty.Open(t, 80)
	cmd := exec.CommandContext(t.Context(), "tstat_send", "-d", filepath.Join(dir, "root"), "-c", config, "-t", "http", "-T", "0")
	cmd.Stderr = terminal
	cmd.Env = append(os.Environ(), "TERM=xterm")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a message for each log
		<-asked
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	const want = "tstat_send: stopping, waiting for 2 messages (at most 10s); press Ctrl-C again to end at once"
	defer time.AfterFunc(30*time.Second, func() { _ = screen.Close() }).Stop()
	lines := bufio.NewScanner(screen)
	for lines.Scan() && !strings.Contains(lines.Text(), want) {
	}
	close(answer)
	if !strings.Contains(lines.Text(), want) {
		t.Errorf("the terminal does not show %q", want)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != cli.TempFail {
		t.Errorf("status %d, want %d", got, cli.TempFail)
	}
}
